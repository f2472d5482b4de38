// What came in and what goes out: the request and its reply, the outgoing requests, and what was said on the way.

import { block, clock, copying, curl, element, facts, pretty, section, table, teach, value } from "./preview-dom.js";
import { verdictOf } from "./preview-tabs.js";

const SOURCES = { marked: "carried the session's mark", rule: "chosen by a rule, delivered live as always", tail: "a sample of live traffic", composed: "sent by hand", replayed: "replayed" };

// ---- the request

export function request(record) {
  const hit = record.hit || {};
  const body = hit.body || "";
  const whole = `${hit.path}${hit.query ? `?${hit.query}` : ""}`;
  return element("div", {},
    section("Request",
      facts([["Method", hit.method], ["Path", element("code", {}, hit.path)], ["Client", (record.told && record.told.client) || "none took it"], ["From", hit.ip], ["Time", clock(record.at)], ["Why here", SOURCES[record.source] || record.source]]),
      pairs(hit.query).length > 0 && section("Query", table(["Parameter", "Value"], pairs(hit.query).map(([name, held]) => [element("code", {}, name), value(held)]))),
      section("Headers", (hit.headers || []).length ? table(["Header", "Value"], hit.headers.map(([name, held]) => [element("code", {}, name), value(held)])) : element("p", { class: "nothing" }, "None.")),
      body && section("Body", bodyOf(body)),
      hit.body_base64 && section("Body, not text (base64)", block(hit.body_base64, "Body")),
      element("details", { class: "raw" }, element("summary", {}, "As it came"), block(`${hit.method} ${whole}\n${(hit.headers || []).map(([name, held]) => `${name}: ${held}`).join("\n")}\n\n${body}`, "The request as it came"))),
    reply(record.reply || {}));
}

function bodyOf(body) {
  const lines = body.split("\n");
  const paired = lines.length < 50 && lines.every((line) => /^[\w.~%-]{1,64}=/.test(line) || line === "");
  if (!paired) return block(pretty(body), "Body");
  return lines.filter(Boolean).map((line) => table(["Parameter", "Value"], pairs(line).map(([name, held]) => [element("code", {}, name), value(held)])));
}

function pairs(query) {
  return (query || "").split("&").filter(Boolean).map((pair) => {
    const at = pair.indexOf("=");
    return at < 0 ? [decoded(pair), ""] : [decoded(pair.slice(0, at)), decoded(pair.slice(at + 1))];
  });
}

function decoded(text) {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}

function reply(given) {
  const cookies = given.cookies || [];
  return section("Reply",
    facts([["Status", given.status]]),
    (given.headers || []).length > 0 && table(["Header", "Value"], given.headers.map(([name, held]) => [element("code", {}, name), value(held)])),
    cookies.length > 0 && section("Cookies", table(["Cookie", "Value", "How"], cookies.map((each) => [element("code", {}, each.name), value(each.value), element("small", {}, Object.entries(each).filter(([name]) => !["name", "value"].includes(name)).map(([name, held]) => `${name} ${held}`).join(", "))]))),
    given.body && block(pretty(String(given.body)), "Body of the reply"));
}

// ---- what goes out

export function outgoing(record, listed, { whole, reveals, secrets }) {
  if (!listed.length) return teach("Nothing goes out", "A request appears here for each one that a tag plans for this event, with what the vendor answered.", "The tab Tags says why none did.");
  return element("div", {}, listed.map((each) => element("article", { class: "out" },
    element("div", { class: "headline" }, element("h2", {}, each.tag), fate(each, record)),
    element("p", { class: "request" }, element("code", {}, `${each.method} ${each.url}`)),
    !whole && element("p", { class: "note odd" }, `Values are masked, also in what is copied.${reveals ? " Reveal the request to see it byte for byte." : ""}`),
    element("p", { class: "buttons" }, copying("Copy as curl", () => curl(each.method, each.url, each.headers || [], each.body || "", secrets)), copying("Copy body", () => each.body || "")),
    element("div", { class: "sides" },
      section(left(each, record) ? "Sent" : "Would be sent", table(["Header", "Value"], (each.headers || []).map(([name, held]) => [element("code", {}, name), value(held)])), each.body ? [block(pretty(each.body), "Body, in lines"), pretty(each.body) !== each.body && element("details", { class: "raw" }, element("summary", {}, "Byte for byte"), block(each.body, "Body as it is sent"))] : element("p", { class: "nothing" }, "No body.")),
      section("Answer", answer(each, record))))));
}

// Whether live has sent what is shown: it ran the hit, and what is shown ran the same file.
const byLive = (each, record) => !each.why && (record.source === "tail" || (record.source === "rule" && !record.draft));
const modeOf = (each, record) => each.mode || record.mode;
const left = (each, record) => byLive(each, record) || each.answer || modeOf(each, record) !== "dry";

function fate(each, record) {
  const mode = modeOf(each, record);
  if (byLive(each, record)) return element("span", { class: "pill tail" }, "Delivered by live, as always");
  if (record.source === "rule" && record.draft) return element("span", { class: "pill tail" }, "What the draft would send; live delivered its own");
  if (each.answer) {
    const [word, tone] = verdictOf(each.answer);
    return element("span", { class: `pill ${tone === "good" ? "dry" : "send"}` }, word.includes("(") ? word : `${word} (${each.answer.status || "no answer"})`);
  }
  return mode === "dry" ? element("span", { class: "pill dry" }, record.mode === "dry" ? "Dry run: not sent" : "Stays dry: not sent") : element("span", { class: "pill test" }, "On its way");
}

function answer(each, record) {
  const given = each.answer;
  if (byLive(each, record)) return element("p", { class: "nothing" }, "The live container delivers this, unless it has sent the same before. What vendors answer is counted under Deliveries.");
  if (!given && !each.why && record.source === "rule") return element("p", { class: "nothing" }, "A draft beside live traffic never sends. Compare shows what live made of this hit; what vendors answer to that is counted under Deliveries.");
  if (!given) return element("p", { class: "nothing" }, each.why ? `Nothing left this server: ${each.why}.` : each.mode === "dry" ? "Nothing left this server. Choose Test events to have the vendor look at it under its test code." : "None yet.");
  const [word] = verdictOf(given);
  return [
    facts([["Status", given.status || "no answer"], ["Verdict", word.startsWith("failed") ? `${word}; preview does not try again` : word], ["Why", given.reason], ["Took", given.seconds === undefined ? "" : `${Math.round(given.seconds * 1000)} ms`], ["Attempt", given.attempt]]),
    (given.headers || []).length > 0 && table(["Header", "Value"], given.headers.map(([name, held]) => [element("code", {}, name), value(held)])),
    given.body && block(pretty(given.body), "Body of the answer"),
  ];
}

// ---- the console

export function says(record, event) {
  const lines = [];
  const cut = record.cut;
  if (cut) for (const each of Array.isArray(cut) ? cut : ["This record was too large, and was cut."]) lines.push(["preview", "odd", each]);
  for (const each of record.console || []) lines.push(typeof each === "object" ? [each.source || each.tag || "", each.level === "error" ? "bad" : "", each.text || each.message || JSON.stringify(each)] : ["", "", each]);
  for (const variable of (event && event.variables) || []) for (const note of variable.notes || []) lines.push([`variable ${variable.name}`, "odd", note]);
  for (const tag of (event && event.tags) || []) {
    if (tag.status === "failed") lines.push([`tag ${tag.tag}`, "bad", tag.why]);
    for (const note of tag.notes || []) lines.push([`tag ${tag.tag}`, "odd", note]);
    for (const field of tag.settings || []) for (const note of field.notes || []) lines.push([`tag ${tag.tag}, ${field.field}`, "odd", note]);
  }
  if (!lines.length) return teach("Nothing to report", "Notes of tags and variables stand here: a value that is missing or of the wrong kind, something that was left out, a tag that failed.");
  return table(["Source", "What"], lines.map(([source, tone, text]) => [element("span", {}, source), element("span", { class: tone }, text)]));
}
