// The address of the container as an analyst states it. The server says the same (`container/preview/stated.py`).

const LONGEST_HOST = 255;
const HIGHEST_PORT = 65535;

// What is wrong with it, empty for nothing.
export function wrongAddress(stated) {
  const [, netloc, path] = stated.trim().match(/^https?:\/\/([^/?#\\]*)([^]*)$/i) || [];
  if (netloc === undefined) return stated.trim() ? "The address begins with https:// or http://, such as https://tags.shop.example." : "Write the address of your container, such as https://tags.shop.example.";
  if (/[?#]/.test(path)) return "The address has no query and no fragment: leave out what begins with ? or #.";
  if (netloc.includes("@")) return "The address names no user: leave out what stands before the @.";
  const [, host, port] = netloc.match(/^((?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?|\[[0-9a-f:.]{2,45}\])(?::([^]*))?$/i) || [];
  if (host === undefined || host.length > LONGEST_HOST) return "The address has a host behind https://, such as tags.shop.example; write letters beyond a to z as xn--…";
  if (port !== undefined && !(/^[0-9]{1,5}$/.test(port) && Number(port) > 0 && Number(port) <= HIGHEST_PORT)) return "The port of the address is a number from 1 to 65535, such as https://tags.shop.example:8443.";
  return /^[a-z0-9/._~-]*$/i.test(path) ? "" : "The path of the address has letters, digits, and the signs / . _ ~ - alone, such as /metrics.";
}
