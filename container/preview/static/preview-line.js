// What an event says in the list: how many tags fired, and what tells one sale from another.

import { element, plural } from "./preview-dom.js";
import { reasonOf, verdictOf } from "./preview-tabs.js";

export function fired(number) {
  return element("span", { class: number ? "fired some" : "fired", title: `${plural(number, "tag")} fired` }, `${number} `, element("span", { class: "unseen" }, number === 1 ? "tag " : "tags "), "fired");
}

// What tells one conversion from another: its order, and its value with the digits that its currency has.
export function sale({ order, value, currency }) {
  return [order, value === undefined ? undefined : [amount(value, currency), currency].filter(Boolean).join(" ")].filter((each) => each !== undefined);
}

function amount(value, currency) {
  const digits = digitsOf(currency);
  return (String(value).split(".")[1] || "").length < digits ? value.toFixed(digits) : String(value);
}

// To ask it takes long, and the search asks for a thousand lines.
const known = new Map();

function digitsOf(currency) {
  if (!known.has(currency)) {
    let digits = 0;
    try {
      digits = currency ? new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().minimumFractionDigits : 0;
    } catch { /* No currency has such a name. */ }
    known.set(currency, digits);
  }
  return known.get(currency);
}

// The worst answer of a vendor, in a word or two; what went wrong before it is a problem.
export function badge({ failed, answer }) {
  const [word, tone] = answer ? verdictOf(answer) : ["", ""];
  if (tone === "bad") return element("span", { class: "bad", title: reasonOf(answer) }, word === "refused" && answer.reason ? `${word}: ${answer.reason}` : word);
  if (failed) return element("span", { class: "bad" }, "problem");
  return tone === "good" && element("span", { class: "good" }, word);
}
