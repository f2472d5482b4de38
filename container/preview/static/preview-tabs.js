// What was decided about an event: its tags, variables, data and consent.

import { copying, element, facts, kindOf, mark, plural, section, table, teach, value, written } from "./preview-dom.js";

const STATUSES = {
  fired: ["✓", "good", "fired"],
  not_triggered: ["–", "muted", "not triggered"],
  blocked_by_exception: ["⊘", "odd", "blocked by an exception"],
  blocked_by_consent: ["⊘", "odd", "blocked by consent"],
  blocked_by_once_per: ["⊘", "odd", "fired before (once per)"],
  duplicate: ["⊘", "odd", "duplicate"],
  paused: ["‖", "muted", "paused"],
  incomplete: ["!", "bad", "incomplete"],
  skipped: ["–", "odd", "skipped"],
  failed: ["✗", "bad", "failed"],
};

export function statusOf(status) {
  return STATUSES[status] || ["?", "odd", String(status)];
}

// What an answer means to who looks, and its tone. A preview tries once: what live would send again has failed here.
export function verdictOf(answer) {
  if (answer.verdict === "delivered") return ["delivered", "good"];
  return [answer.verdict === "refused" || answer.verdict === "credential" ? "refused" : `failed (${answer.status || "no answer"})`, "bad"];
}

export function reasonOf(answer) {
  const [word] = verdictOf(answer);
  return [word, answer.reason].filter(Boolean).join(": ") + (word.startsWith("failed") ? "; preview does not try again" : "");
}

// ---- tags

export function tags(event, { opened, outgoing }) {
  const fired = event.tags.filter((tag) => tag.status === "fired");
  const others = event.tags.filter((tag) => tag.status !== "fired");
  if (!event.tags.length) return teach("No tags yet", "The file has no tags. Add one under tags: in a draft, and send the request again.");
  return element("div", {},
    element("h2", {}, `Fired (${fired.length})`),
    fired.length ? fired.map((tag) => tagOf(tag, opened, outgoing)) : element("p", { class: "nothing" }, "No tag fired on this event. Open one below to see which condition did not hold."),
    element("h2", {}, `Not fired (${others.length})`),
    others.length ? others.map((tag) => tagOf(tag, opened, outgoing)) : element("p", { class: "nothing" }, "Every tag fired."));
}

function tagOf(tag, opened, outgoing) {
  const sent = outgoing.filter((each) => each.tag === tag.tag);
  const answers = sent.map((each) => each.answer).filter(Boolean);
  const worse = answers.filter((each) => each.verdict !== "delivered");
  const [sign, tone, word] = answered(statusOf(tag.status), worse[0] || answers[0]);
  const made = element("details", { class: "tag", open: opened.has(tag.tag), toggle: () => (made.open ? opened.add(tag.tag) : opened.delete(tag.tag)) },
    element("summary", {},
      element("span", { class: `sign ${tone}`, "aria-hidden": "true" }, sign),
      element("span", { class: "names" }, element("b", {}, tag.tag), element("small", {}, tag.type)),
      element("span", { class: `state ${tone}` }, word),
      element("span", { class: "why" }, sentence(tag.why)),
      [...new Set(worse.map(reasonOf))].map((each) => element("span", { class: "why bad" }, each)),
      [...new Set(sent.map((each) => each.why).filter(Boolean))].map((each) => element("span", { class: "why odd" }, `nothing leaves: ${each}`))),
    element("div", { class: "inside" },
      (tag.notes || []).length > 0 && section("Notes", element("ul", { class: "notes" }, tag.notes.map((each) => element("li", {}, each)))),
      triggers("Firing triggers", tag.triggers, "This tag has no trigger, so it never fires. Name one under triggers:."),
      (tag.exceptions || []).length > 0 && triggers("Exceptions", tag.exceptions, "", OF_EXCEPTIONS),
      consentOf(tag.consent || []),
      transformations(tag.view),
      settings(tag.settings || []),
      sent.length > 0 && section("Outgoing", element("p", {}, `${plural(sent.length, "request")}: see the tab Outgoing.`))));
  return made;
}

// The status of a tag with what its vendor said, in short; the whole of it stands below.
function answered([sign, tone, word], answer) {
  if (!answer) return [sign, tone, word];
  const [meant, how] = verdictOf(answer);
  const said = meant === "refused" && answer.reason ? `: ${answer.reason.length > SHORT ? `${answer.reason.slice(0, SHORT)}…` : answer.reason}` : "";
  return [how === "good" ? sign : "✗", how, `${word}, ${meant}${said}`];
}

const SHORT = 24;

// An exception that does not hold is nothing bad.
const OF_EXCEPTIONS = ["odd", "muted"];

// Those that are for such events first, in the order of the file; the others in one line.
function triggers(heading, listed, none, tones) {
  if (!(listed || []).length) return section(heading, element("p", { class: "nothing" }, none));
  const hearing = listed.filter((each) => each.hears !== false);
  const others = listed.filter((each) => each.hears === false);
  return section(heading, hearing.map((trigger) => element("div", { class: "trigger" },
    element("p", {}, mark(trigger.holds, tones), " ", element("b", {}, trigger.name)),
    element("ul", { class: "conditions" }, (trigger.conditions || []).map((each) => condition(each, tones))))),
    others.length > 0 && element("div", { class: "trigger others" }, element("p", {}, mark(false, ["good", "muted"]), " ", element("small", {}, hearing.length ? "For other events: " : "All of them are for other events: "),
      others.map((each, index) => [index ? ", " : "", element("b", {}, each.name), element("small", {}, ` (${[].concat(each.events || "other events").join(", ")})`)]))));
}

// A sentence of ours, in which a reference stays on one line.
function sentence(text) {
  return String(text || "").replace(/\{\{ ([^{}]{1,40}) \}\}/g, (_, name) => `{{\u00a0${name.replaceAll(" ", "\u00a0")}\u00a0}}`);
}

function condition(each, tones) {
  if (each.members) return element("li", { class: "group" }, mark(each.holds, tones), element("span", {}, each.text), element("ul", { class: "conditions" }, each.members.map((member) => condition(member, tones))));
  return element("li", {}, mark(each.holds, tones), element("span", {}, each.text), element("span", { class: "real" }, "value: ", value(each.value)), notesOf(each));
}

function notesOf(each) {
  return (each.notes || []).map((note) => element("p", { class: "note odd" }, note));
}

function consentOf(listed) {
  if (!listed.length) return section("Consent", element("p", { class: "nothing" }, "This tag needs no consent."));
  return section("Consent", element("ul", { class: "conditions" }, listed.map((each) => element("li", {}, mark(each.granted), element("span", {}, each.type), element("span", { class: "real" }, `${each.granted ? "granted" : "denied"}, by ${each.source}`)))));
}

function transformations(view) {
  const listed = (view && view.transformations) || [];
  if (!listed.length) return null;
  return section("Transformations", listed.map((each) => element("div", { class: "trigger" },
    element("p", {}, mark(each.applied !== false), " ", element("b", {}, each.name), element("small", {}, ` ${each.type}`)), (each.conditions || []).length > 0 && element("ul", { class: "conditions" }, each.conditions.map((one) => condition(one))), notesOf(each),
    (each.changes || []).length ? table(["Key", "Before", "After"], each.changes.map((change) => [element("code", {}, change.key), value(change.before), value(change.after)])) : element("p", { class: "nothing" }, "It changed nothing."))));
}

function settings(listed) {
  if (!listed.length) return null;
  return section("Settings", table(["Field", "Written", "Value"], listed.map((each) => [
    element("code", {}, each.field),
    [each.written === null || each.written === undefined ? element("small", {}, "not in the file") : element("code", {}, written(each.written)), each.from && element("small", { class: "kind" }, each.from)],
    [value(each.value), notesOf(each)],
  ])));
}

// ---- variables

export function variables(event) {
  const listed = event.variables || [];
  if (!listed.length) return teach("No variable was asked for", "A variable is computed when a trigger or a tag asks for it. No condition and no setting needed one for this event.", "Names such as {{ event.value }} and {{ cookie._ttp }} need no declaration.");
  return table(["Name", "Type", "Value", "Where from"], listed.map((each) => [
    element("b", {}, each.name),
    [element("span", {}, each.type), element("small", { class: "kind" }, each.kind || kindOf(each.value))],
    value(each.value),
    [element("span", {}, each.from || ""), (each.seen_by || []).length > 0 && element("small", { class: "kind" }, `as seen by ${each.seen_by.join(", ")}`), notesOf(each)],
  ]), "variables");
}

// ---- event data

export function data(event, { view, choose }) {
  const views = event.tags.filter((tag) => tag.view && (tag.view.transformations || []).length);
  const chosen = views.find((tag) => tag.tag === view);
  const shown = (chosen && chosen.view.data) || event.data || {};
  const select = element("select", { "aria-label": "Whose event data", change: () => choose(select.value) },
    element("option", { value: "" }, "Original"),
    views.map((tag) => element("option", { value: tag.tag, selected: tag === chosen }, `As "${tag.tag}" gets it`)));
  const keys = [...new Set([...Object.keys(event.data || {}), ...Object.keys(shown || {})])].sort();
  const rows = keys.map((key) => {
    const changed = chosen && JSON.stringify(event.data[key]) !== JSON.stringify(shown[key]);
    const now = changed ? [key in shown ? value(shown[key]) : element("span", { class: "note odd" }, "taken out"), element("p", { class: "note odd" }, "was: ", value(event.data[key]))] : value(shown[key]);
    return [element("code", {}, key), element("small", {}, kindOf(shown[key])), now];
  });
  return element("div", {},
    element("div", { class: "bar" },
      element("p", {}, element("b", {}, event.name), event.event_id_source ? element("small", {}, ` event id from ${event.event_id_source}`) : null),
      views.length ? select : element("small", {}, "No transformation changes it: all tags get the original.")),
    rows.length ? table(["Key", "Kind", "Value"], rows) : teach("No event data", "The client read an event with a name and nothing else."));
}

// ---- consent

export function consent(event) {
  const listed = Object.entries(event.consent || {});
  if (!listed.length) return teach("Nothing says anything of consent", "Google's consent mode sends gcs or gcd with each hit. Without a signal the file's consent: default counts.");
  const needs = (type) => event.tags.filter((tag) => (tag.consent || []).some((each) => each.type === type)).map((tag) => tag.tag);
  return table(["Type", "State", "Source", "Tags that need it"], listed.map(([type, each]) => {
    const granted = typeof each === "object" && each !== null ? each.granted : each === "granted";
    return [element("code", {}, type), element("span", {}, mark(granted), granted ? " granted" : " denied"), (each && each.source) || "", needs(type).join(", ") || element("span", { class: "none" }, "none")];
  }));
}

// ---- conversions

export function conversions(listed, seen) {
  if (!listed || !listed.length) return teach("Nothing to match here", "This looks at what a vendor gets of a conversion: can it recognise the visitor, is everything there, and does it count once beside the pixel.", "No tag fired on this event with something of that kind.");
  return element("div", {}, listed.map((each) => element("section", { class: "conversion" },
    element("h2", {}, each.tag, element("small", {}, ` ${each.type}`)),
    element("div", { class: "boxes" }, match(each.match), complete(each.complete), once(each.once, seen)))));
}

function box(heading, figure, ...children) {
  return element("article", { class: "box" }, element("h3", {}, heading, figure && element("span", { class: "figure" }, figure)), children);
}

function match(listed) {
  const has = listed.filter((each) => each.has).length;
  return box("Match quality", listed.length ? `${has} of ${listed.length}` : "", listed.length ? element("ul", { class: "checks" }, listed.map((each) => element("li", {}, mark(each.has),
    element("div", {}, element("b", {}, each.kind), each.has ? element("small", {}, each.fields.join(", ")) : element("small", { class: "how" }, each.how))))) : element("p", { class: "nothing" }, "This type of tag does not say which identifiers its vendor takes."));
}

function complete(listed) {
  const has = listed.filter((each) => each.has).length;
  return box("Completeness", listed.length ? `${has} of ${listed.length}` : "", listed.length ? element("ul", { class: "checks" }, listed.map((each) => element("li", {}, mark(each.has),
    element("div", {}, element("b", {}, each.field), element("small", {}, each.what), each.has ? value(each.value) : element("small", { class: "how" }, each.how))))) : element("p", { class: "nothing" }, "Nothing is known of what this vendor wants of a conversion."));
}

// Whether something in a line of a masked record is masked: what holds this sign is not shown there otherwise.
const isMasked = (line) => line.includes("…");

function once(given, { whole, reveals }) {
  if (given.says) return box("Deduplication", "", [
    facts([given.by.length && [given.by[0], element("code", {}, given.by[1])], given.id && ["event_id", element("code", {}, given.id)]].filter(Boolean)),
    element("p", {}, given.says)]);
  return box("Deduplication", "", given.id && !given.how ? [
    facts([["Event id", element("code", {}, given.id)], ["Comes from", given.from], ["Name in the pixel", given.name && element("code", {}, given.name)]]),
    given.line && [element("p", {}, "Run this on the page, with the same id, and the sale counts once:"), element("pre", { class: "payload", tabindex: "0" }, given.line), whole || !isMasked(given.line) ? copying("Copy the line", given.line) : element("p", { class: "note odd" }, `Values are masked here.${reveals ? " Reveal the request to copy the line." : ""}`)],
  ] : element("p", { class: "note odd" }, given.how));
}
