// What the page asks of the server, and where it says what came of it.

import { element } from "./preview-dom.js";

const { base, token } = document.body.dataset;
// The address of the page may hold the token, with which `fetch` takes none.
export const address = (path) => new URL(base + path, location.origin + location.pathname);

async function answered(answer) {
  const found = await answer.json().catch(() => ({ error: answer.status === 404 ? "This preview is over, or the server was restarted. Start another one." : "The server does not answer as expected." }));
  if (answer.ok) return found;
  // What belongs to a field is said beside it.
  if (!found.part) say(found.error, "bad");
  throw Object.assign(new Error(found.error), { faults: found.faults, said: !found.part });
}

// Who looks has been told, so it is no fault of the script.
addEventListener("unhandledrejection", (happened) => { if (happened.reason?.said) happened.preventDefault(); });

async function reached(path, given) {
  return fetch(address(path), given).catch((problem) => {
    say("The server cannot be reached, so nothing was done. Try again.", "bad");
    throw Object.assign(problem, { said: true });
  });
}

export const ask = async (path) => answered(await reached(path, { cache: "no-store" }));
export async function change(path, given) {
  const found = await answered(await reached(path, { method: "POST", headers: { "content-type": "application/json", "x-form-token": token }, body: JSON.stringify(given) }));
  // What went wrong before is over.
  document.querySelector("#said .bad")?.remove();
  return found;
}

// A stream does not say why it was refused; asked as anything else, the server does.
export async function refusal() {
  const asking = new AbortController();
  const answer = await fetch(address("stream"), { cache: "no-store", signal: asking.signal }).catch(() => null);
  const told = answer?.status === 503 ? await answer.json().catch(() => ({})) : {};
  asking.abort();
  return told.error;
}

// It has a line of its own below everything else, so that it covers nothing.
export function say(sentence, tone = "") {
  const line = element("div", { class: `toast ${tone}` }, element("span", {}, sentence), element("button", { class: "plain small", type: "button", "aria-label": "Dismiss", click: () => line.remove() }, "×"));
  document.getElementById("said").replaceChildren(line);
  setTimeout(() => line.remove(), tone ? 10000 : 4000);
}
