// Pieces of the page. Whatever was received gets into it as text (textContent), never as markup.

const ATTRIBUTES = new Set(["class", "id", "title", "type", "name", "value", "for", "role", "tabindex", "colspan", "rows",
  "placeholder", "spellcheck", "autocomplete", "min", "max", "step", "open", "selected", "checked", "disabled", "accept",
  "hidden", "readonly", "scope", "inputmode", "maxlength", "autofocus"]);

export function element(kind, given = {}, ...children) {
  const made = document.createElement(kind);
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") made.addEventListener(name, value);
    else if (ATTRIBUTES.has(name) || name.startsWith("data-") || name.startsWith("aria-")) made.setAttribute(name, value === true ? "" : String(value));
    else throw new Error(`no attribute of ours: ${name}`);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false).map(node));
  return made;
}

function node(child) {
  return child instanceof Node ? child : document.createTextNode(String(child));
}

// ---- values

export function kindOf(value) {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "list";
  return { string: "text", number: "number", boolean: "true or false", object: "object" }[typeof value] || typeof value;
}

export function written(value) {
  if (value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

// As the server masks it: the first and the last character, then the length; of a short text the length alone.
const MASKED = /^[^\n]?…[^\n]?\/\d+$/u;

export const MASKS = "Masked: first and last character, then the length.";

export function value(given) {
  if (given === null || given === undefined) return element("span", { class: "none" }, "nothing");
  if (given === "") return element("span", { class: "none" }, "empty text");
  if (typeof given === "object") return element("pre", { class: "json" }, JSON.stringify(given, null, 2));
  const title = typeof given === "string" && MASKED.test(given) ? MASKS : undefined;
  return element("code", { class: `value ${typeof given}`, title }, written(given));
}

export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

export function clock(at) {
  const date = new Date(Number(at));
  return Number.isNaN(date.getTime()) ? "" : date.toLocaleTimeString("sv-SE");
}

export function plural(number, word) {
  return `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;
}

// ---- parts

export function mark(holds, tones = ["good", "bad"]) {
  return element("span", { class: `mark ${tones[holds ? 0 : 1]}`, role: "img", "aria-label": holds ? "holds" : "does not hold" }, holds ? "✓" : "✗");
}

export function table(heads, rows, className = "") {
  const head = element("tr", {}, heads.map((each) => element("th", { scope: "col" }, each)));
  const body = rows.map((cells) => element("tr", {}, cells.map((cell, index) => element("td", { "data-name": heads[index] }, element("div", {}, cell)))));
  return element("div", { class: `wide ${className}` }, element("table", {}, element("thead", {}, head), element("tbody", {}, body)));
}

export function facts(pairs) {
  const shown = pairs.filter(([, given]) => given !== null && given !== undefined && given !== "");
  return element("dl", { class: "facts" }, shown.map(([name, given]) => [element("dt", {}, name), element("dd", {}, given)]));
}

export function section(heading, ...children) {
  return element("section", { class: "part" }, element("h3", {}, heading), children);
}

export function teach(heading, ...sentences) {
  return element("div", { class: "teach" }, element("h3", {}, heading), sentences.map((each) => (each instanceof Node ? each : element("p", {}, each))));
}

export function block(text, label) {
  return element("pre", { class: "payload", tabindex: "0", "aria-label": label }, text);
}

// `text`: what is copied, or a function that gives it, or null where there is nothing to copy.
export function copying(label, text) {
  const button = element("button", { class: "plain small", type: "button", click: async () => {
    const given = typeof text === "function" ? text() : text;
    if (given === null) return;
    await copied(given);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 1500);
  } }, label);
  return button;
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without TLS a browser has no clipboard for a page, but copies what is selected.
    const area = element("textarea", { class: "unseen", readonly: true });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

// ---- curl

const OF_CURL = new Set(["host", "content-length"]);

// `secrets`: names that the file uses. What stands for one is asked of the shell, and anything else is no name of a secret.
export function curl(method, address, headers, body, secrets = []) {
  const known = new Set(secrets);
  const used = new Set();
  const word = (text) => text.split(/(\$\{secret:[A-Za-z_]\w*\})/).map((part) => {
    const name = part.startsWith("${secret:") ? part.slice(9, -1) : "";
    if (!known.has(name)) return part && quoted(part);
    used.add(name);
    return `"$${name}"`;
  }).join("") || "''";
  const lines = [`curl -i -g -X ${/^[A-Z]+$/.test(method) ? method : "POST"} --url ${word(address)}`];
  for (const [name, held] of headers) {
    if (/^[\w!#$%&*+.^`|~-]+$/.test(name) && !OF_CURL.has(name.toLowerCase())) lines.push(`-H ${word(`${name}: ${held}`)}`);
  }
  if (body) lines.push(`--data-raw ${word(body)}`);
  const before = used.size ? `# Needs ${[...used].join(", ")}: set ${used.size === 1 ? "this variable" : "these variables"} of the shell to the secret first.\n` : "";
  return before + lines.join(" \\\n  ");
}

function quoted(text) {
  // Signs that a terminal obeys are written as numbers, so that pasting a line does nothing but show it.
  if (!/[\x00-\x1f\x7f-\x9f]/.test(text)) return `'${text.replaceAll("'", "'\\''")}'`;
  const escaped = text.replaceAll("\\", "\\\\").replaceAll("'", "\\'");
  return `$'${escaped.replace(/[\x00-\x1f]|\x7f/g, (sign) => `\\x${sign.charCodeAt(0).toString(16).padStart(2, "0")}`).replace(/[\x80-\x9f]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`)}'`;
}
