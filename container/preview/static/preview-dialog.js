// What is asked before something cannot be taken back, and what is told in front of everything else.

import { element, table } from "./preview-dom.js";

const LONGEST_NOTE = 200;
let made = 0;

export const isOpen = () => document.querySelector("dialog[open]") !== null;

export function tell(heading, ...inside) {
  const close = element("button", { type: "button", autofocus: true, click: () => shown.close() }, "Close");
  const shown = opened(heading, inside, element("p", { class: "buttons" }, close));
}

// `act`: what is done if the answer is yes, with the note if one is asked for. What it cannot do is said in front.
export function asked(heading, inside, { label, note = "", act }) {
  const written = note && element("input", { name: "note", maxlength: LONGEST_NOTE, autocomplete: "off" });
  const wrong = element("p", { class: "wrong", role: "alert" });
  const yes = element("button", { class: "danger solid" }, label);
  const form = element("form", { class: "fields", submit: async (happened) => {
    happened.preventDefault();
    yes.disabled = true;
    try {
      await act(written ? written.value.trim() : "");
      shown.close();
    } catch (problem) {
      wrong.textContent = problem.message;
      // It is said here, so once is enough.
      document.querySelector("#said .bad")?.remove();
      yes.disabled = false;
    }
  } }, written && element("label", {}, note, written), wrong, element("p", { class: "buttons" }, yes, element("button", { class: "plain", type: "button", autofocus: true, click: () => shown.close() }, "Cancel")));
  const shown = opened(heading, inside, form);
}

function opened(heading, inside, below) {
  made += 1;
  const shown = element("dialog", { "aria-labelledby": `dialog-${made}`, close: () => shown.remove() },
    element("h2", { id: `dialog-${made}` }, heading), element("div", { class: "inside" }, inside), below);
  document.body.append(shown);
  shown.showModal();
  return shown;
}

// ---- the keys

const KEYS = [["j, k", "The next event down, or up; in the list the arrows do, too"], ["Enter, l, →", "From the list to what is shown of the event"], ["Escape", "Back to the list"], ["1 to 8", "A tab"], ["← →", "Along the tabs"], ["/", "Search"], ["p", "Pause, and go on"], ["?", "These keys"]];

export function keysTold() {
  tell("Keys", table(["Key", "What it does"], KEYS.map(([key, what]) => [element("kbd", {}, key), what])));
}
