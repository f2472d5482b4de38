// The screen of a preview: the list of what came in, and the panels that explain one of its events.

import { MASKS, clock, element, plural, teach } from "./preview-dom.js";
import { about, beside, compose, connect, draft, summary, waiting } from "./preview-panels.js";
import { consent, conversions, data, reasonOf, tags, variables, verdictOf } from "./preview-tabs.js";
import { outgoing, request, says } from "./preview-traffic.js";

const MOST_SHOWN = 2000;
const at = (id) => document.getElementById(id);
const { base, token, shared, tail } = document.body.dataset;
// The address of the page may hold the token, with which `fetch` takes none.
const address = (path) => new URL(base + path, location.origin + location.pathname);

const STRIPS = {
  dry: "Dry run: no vendor is called. Outgoing shows what would be sent, byte for byte.",
  test: "Test events: sent to vendors under the test codes of this session. A tag without one stays dry.",
  send: "Send: requests of this preview go to vendors for real. A test order becomes a sale.",
  tail: "Live traffic runs and is delivered as always. This only looks on.",
};
const MARKED_RUN_LIVE = "Marked hits now run live.";
const reveals = !shared && !tail;
const TABS = ["Tags", "Variables", "Event Data", "Consent", "Request", "Outgoing", "Conversions", "Console"];

const records = new Map(); // by number: its line of the list
const items = new Map(); // by number: its element
const opened = new Set(); // names of tags whose details are open
let state = {};
let gone = 0; // the last number of those that are no longer shown
let held = null; // what came in during a pause
let panel = "summary";
let tab = "Tags";
let view = "";
let shown = { number: 0, event: 0, record: null, whole: false };

// ---- asking

async function answered(answer) {
  const found = await answer.json().catch(() => ({ error: answer.status === 404 ? "This preview is over, or the server was restarted. Start another one." : "The server does not answer as expected." }));
  if (answer.ok) return found;
  // What belongs to a field is said beside it.
  if (!found.part) say(found.error);
  throw Object.assign(new Error(found.error), { part: found.part });
}

async function reached(path, given) {
  return fetch(address(path), given).catch((problem) => {
    say("The server cannot be reached, so nothing was done. Try again.");
    throw problem;
  });
}

const ask = async (path) => answered(await reached(path, { cache: "no-store" }));
const change = async (path, given) => answered(await reached(path, { method: "POST", headers: { "content-type": "application/json", "x-form-token": token }, body: JSON.stringify(given) }));

function say(sentence) {
  const line = element("p", { class: "toast" }, sentence);
  at("said").replaceChildren(line);
  setTimeout(() => line.remove(), 8000);
}

// ---- the mode, which is always visible

function showMode({ mode, draft: runs, live_changed: changed }) {
  Object.assign(state, { mode, draft: runs, live_changed: changed });
  document.body.dataset.mode = tail ? "tail" : mode;
  at("strip").textContent = STRIPS[tail ? "tail" : mode];
  if (tail) return;
  at("runs").textContent = runs ? (changed ? "of a draft; the live file has changed since" : "of a draft") : "of the live file";
  for (const radio of at("modes").querySelectorAll("input")) radio.checked = radio.value === mode;
}

async function refresh() {
  state = await ask("state");
  showMode(state);
}

// ---- the list

function take(line) {
  if (held) { held.push(line); if (held.length > MOST_SHOWN) held.shift(); countSoon(); return; }
  // A late answer, or a new connection that tells everything once more, brings back nothing that had to go.
  if (line.number <= gone) return;
  records.set(line.number, line);
  const made = itemOf(line);
  const before = items.get(line.number);
  items.set(line.number, made);
  if (before) before.replaceWith(made);
  else at("hits").prepend(made);
  // The oldest is the first that came in, also when its answer came later.
  if (items.size > MOST_SHOWN) forget(items.keys().next().value);
  if (line.number === shown.number && shown.record && !shown.whole) lookAgain();
  if (panel === "summary") soon();
  countSoon();
}

function forget(number) {
  gone = Math.max(gone, number);
  records.delete(number);
  items.get(number)?.remove();
  items.delete(number);
}

function itemOf(line) {
  const events = line.events.length ? line.events.map((event, index) => element("button", { class: "event", type: "button", "data-number": line.number, "data-event": index, "aria-current": isShown(line.number, index) ? "true" : null, click: () => look(line.number, index, true) },
    element("span", {}, event.name), fired(event.fired))) : element("button", { class: "event none", type: "button", "data-number": line.number, "data-event": 0, "aria-current": isShown(line.number, 0) ? "true" : null, click: () => look(line.number, 0, true) }, line.why || "no event");
  const made = element("li", { class: line.failed ? "hit failed" : "hit" },
    element("div", { class: "line" }, element("span", { class: "method" }, line.method), element("span", { class: "path", title: line.path }, line.path), element("time", {}, clock(line.at))),
    element("div", { class: "line small" }, element("span", {}, line.client || "no client"), line.source !== "marked" && !tail && element("span", { class: "source" }, line.source), line.draft && element("span", { class: "source" }, "draft"), badge(line)),
    events);
  made.hidden = !matches(line);
  return made;
}

// The worst answer of a vendor, in a word or two; what went wrong before it is a problem.
function badge({ failed, answer }) {
  const [word, tone] = answer ? verdictOf(answer) : ["", ""];
  if (tone === "bad") return element("span", { class: "bad", title: reasonOf(answer) }, word === "refused" && answer.reason ? `${word}: ${answer.reason}` : word);
  if (failed) return element("span", { class: "bad" }, "problem");
  return tone === "good" && element("span", { class: "good" }, word);
}

function fired(number) {
  return element("span", { class: number ? "fired some" : "fired", title: `${plural(number, "tag")} fired` }, number, element("span", { class: "unseen" }, number === 1 ? " tag fired" : " tags fired"));
}

const isShown = (number, event) => panel === "event" && shown.number === number && shown.event === event;

function matches(line) {
  const words = at("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const text = [line.method, line.path, line.query, line.client, line.why, line.source, ...line.events.map((each) => each.name), ...line.tags].join(" ").toLowerCase();
  const chosen = { "": true, fired: line.fired > 0, quiet: line.fired === 0, failed: line.failed }[at("filter").value];
  return chosen && words.every((word) => text.includes(word));
}

function sift() {
  for (const [number, line] of records) items.get(number).hidden = !matches(line);
  showCount();
}

// Once for all lines of a moment: a page that is opened gets a thousand of them.
let counts = 0;
function countSoon() {
  if (!counts) counts = requestAnimationFrame(() => { counts = 0; showCount(); });
}

function showCount() {
  const visible = [...items.values()].filter((each) => !each.hidden).length;
  const waits = held && held.length ? `, ${held.length} more during the pause` : "";
  at("count").textContent = records.size ? `${visible === records.size ? plural(visible, "request") : `${visible} of ${plural(records.size, "request")}`}${waits}` : held ? `Paused${waits}` : "";
  at("empty").hidden = visible > 0;
  if (!visible) at("empty").replaceChildren(records.size ? teach("Nothing matches", "Empty the search, or choose All.") : tail ? waiting(tail) : teach("Waiting for requests", shared ? "What the preview catches appears here." : "Open the link under Connect in the browser you test with, or send a hit under Compose."));
}

function pause() {
  const late = held;
  held = held ? null : [];
  at("pause").setAttribute("aria-pressed", String(Boolean(held)));
  at("pause").textContent = held ? "Resume" : "Pause";
  for (const line of late || []) take(line);
  showCount();
}

// ---- one event

// Two answers may come the other way round: what was asked for last is shown.
let looks = 0;
async function look(number, event, focus = false) {
  const mine = ++looks;
  const record = await ask(`records/${number}`);
  if (mine !== looks) return;
  shown = { number, event, record, whole: false };
  await show("event");
  if (focus) document.body.classList.add("looks");
}

// The record that is shown has got an answer. Somebody may be at another panel by now, and stays there.
async function lookAgain() {
  const { number } = shown;
  const mine = looks;
  const record = await ask(`records/${number}`);
  if (mine !== looks || shown.number !== number || shown.whole) return;
  shown = { ...shown, record };
  if (panel === "event") await show("event", at("shown").contains(document.activeElement));
}

function eventPanel() {
  const { record } = shown;
  if (!record) return teach("Choose an event", "Press one on the left. With the keys: j and k go down and up, 1 to 8 choose a tab, / searches, p pauses, Escape goes back.");
  const found = ((record.told && record.told.events) || [])[shown.event];
  const sent = (record.outgoing || []).filter((each) => found && (each.event === shown.event || each.event === found.name || each.event === undefined));
  const panes = {
    Tags: () => (found ? tags(found, { opened, outgoing: sent }) : unread(record)),
    Variables: () => (found ? variables(found) : unread(record)),
    "Event Data": () => (found ? data(found, { view, choose: (name) => { view = name; show("event"); } }) : unread(record)),
    Consent: () => (found ? consent(found) : unread(record)),
    Request: () => request(record),
    Outgoing: () => outgoing(record, sent, { whole: shown.whole, reveals }),
    Conversions: () => conversions((record.insights || [])[shown.event], { whole: shown.whole, reveals }),
    Console: () => says(record, found),
  };
  const list = element("div", { class: "tabs", role: "tablist", "aria-label": "About this event", keydown: alongTabs }, TABS.map((name) => element("button", { role: "tab", type: "button", id: `tab-${name.replace(" ", "-")}`, "aria-selected": String(name === tab), tabindex: name === tab ? "0" : "-1", "data-tab": name, click: () => { tab = name; show("event", true); } }, name)));
  return element("div", {},
    element("div", { class: "headline" }, element("h2", {}, found ? found.name : "No event", element("small", {}, ` request ${record.number}, ${clock(record.at)}${record.draft ? ", draft" : ""}`)), element("div", { class: "buttons" }, shared || tail ? null : again(record), reveal(record))),
    list, element("div", { role: "tabpanel", class: "pane", tabindex: "-1", "aria-labelledby": `tab-${tab.replace(" ", "-")}` }, panes[tab]()));
}

function unread(record) {
  return teach("No event was read out of this", (record.told && record.told.why) || "The client answered it by itself.", "The tab Request shows what came in.");
}

function reveal(record) {
  if (tail) return element("small", {}, `Masked, for everybody. ${MASKS}`);
  if (shared) return element("small", {}, `Personal data is masked. ${MASKS}`);
  if (shown.whole) return element("span", { class: "masks" }, element("small", { class: "odd" }, "Shown whole, which the log says."), element("button", { class: "plain small", type: "button", click: () => look(record.number, shown.event, true) }, "Mask it again"));
  return element("span", { class: "masks" }, element("small", {}, MASKS), element("button", { class: "plain small", type: "button", click: async () => {
    const whole = await change("reveal", { number: record.number });
    if (shown.number !== record.number) return;
    shown = { ...shown, record: whole, whole: true };
    await show("event");
  } }, "Reveal"));
}

function again(record) {
  const replay = async () => { const { number } = await change("replay", { number: record.number }); await look(number, 0, true); };
  const compare = async () => {
    const made = beside(await change("compare", { number: record.number }));
    at("shown").querySelector(".pane")?.replaceChildren(made);
  };
  return [element("button", { class: "plain small", type: "button", title: "Run this request once more", click: replay }, "Replay"), element("button", { class: "plain small", type: "button", title: "What live and draft would send, side by side", click: compare }, "Compare")];
}

function alongTabs(happened) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[happened.key];
  const to = happened.key === "Home" ? 0 : happened.key === "End" ? TABS.length - 1 : step === undefined ? -1 : (TABS.indexOf(tab) + step + TABS.length) % TABS.length;
  if (to < 0) return;
  happened.preventDefault();
  tab = TABS[to];
  show("event", true);
}

// ---- the panels

const PANELS = { event: eventPanel, summary, connect, compose, draft, about };

async function show(name, focus = false) {
  const fresh = name !== panel;
  panel = name;
  await ready;
  const made = await PANELS[name]({ ask, change, state, say, refresh, shown, tail, reload: () => location.reload(), go: (number) => { tab = "Tags"; look(number, 0, true); } });
  if (panel !== name) return;
  const scrolled = at("shown").scrollTop;
  at("shown").replaceChildren(made);
  if (!fresh) at("shown").scrollTop = scrolled;
  for (const button of at("panels").querySelectorAll("[data-panel]")) button.setAttribute("aria-current", String(button.dataset.panel === name));
  for (const button of at("hits").querySelectorAll(".event")) {
    if (isShown(Number(button.dataset.number), Number(button.dataset.event))) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
  // On a narrow screen the tabs and panels are longer than it is.
  for (const chosen of document.querySelectorAll('[role="tab"][aria-selected="true"], #panels [aria-current="true"]')) chosen.scrollIntoView({ block: "nearest", inline: "nearest" });
  if (focus) at("shown").querySelector('[role="tab"][aria-selected="true"]')?.focus();
}

// Again only when the last one has been shown: with many requests totals take a while.
let waits = false;
function soon() {
  if (waits) return;
  waits = true;
  setTimeout(() => (panel === "summary" ? show("summary") : Promise.resolve()).finally(() => { waits = false; }), 500);
}

// ---- keys

function along(step) {
  const events = [...at("hits").querySelectorAll(".hit:not([hidden]) .event")];
  if (!events.length) return;
  const now = events.findIndex((each) => each.hasAttribute("aria-current"));
  const next = events[Math.min(Math.max(now + step, 0), events.length - 1)];
  next.focus();
  next.click();
}

function back() {
  document.body.classList.remove("looks");
  at("hits").querySelector('.event[aria-current="true"]')?.focus();
}

addEventListener("keydown", (happened) => {
  const typing = happened.target.closest?.("input:not([type=radio]), textarea, select");
  if (happened.key === "Escape") { if (typing) typing.blur(); else back(); return; }
  if (typing || happened.ctrlKey || happened.metaKey || happened.altKey) return;
  const inList = happened.target.closest?.("#hits");
  const keys = { "/": () => at("search").focus(), j: () => along(1), k: () => along(-1), p: pause };
  if (inList) Object.assign(keys, { ArrowDown: keys.j, ArrowUp: keys.k });
  const number = Number(happened.key);
  if (number >= 1 && number <= TABS.length && shown.record) keys[happened.key] = () => { tab = TABS[number - 1]; show("event"); };
  if (!keys[happened.key]) return;
  happened.preventDefault();
  keys[happened.key]();
});

// ---- the beginning

function listen() {
  const stream = new EventSource(address("stream"));
  // What was shown before a connection broke comes again with the next one, and says the same.
  stream.addEventListener("mode", (told) => showMode(JSON.parse(told.data)));
  stream.addEventListener("record", (told) => take(JSON.parse(told.data)));
  stream.addEventListener("first", (told) => {
    const { number } = JSON.parse(told.data);
    for (const each of [...records.keys()]) if (each < number) forget(each);
    showCount();
  });
  stream.addEventListener("ended", () => { stream.close(); over(tail ? "This tail is over. Open another one to go on." : `This preview is over. ${MARKED_RUN_LIVE} Start another one to go on.`); });
  stream.addEventListener("error", async () => {
    const why = stream.readyState === EventSource.CLOSED ? await refusal() : "The server does not answer. Trying again…";
    if (why) at("strip").textContent = why;
    else over(tail ? "This tail is over, or the server does not let this page in." : `This preview is over, or the server does not let this page in. If it is over: ${MARKED_RUN_LIVE}`);
  });
}

// A stream does not say why it was refused; asked as anything else, the server does.
async function refusal() {
  const asking = new AbortController();
  const answer = await fetch(address("stream"), { cache: "no-store", signal: asking.signal }).catch(() => null);
  const told = answer?.status === 503 ? await answer.json().catch(() => ({})) : {};
  asking.abort();
  return told.error;
}

// What was chosen no longer holds: no mode is lit, and none can be chosen.
function over(sentence) {
  document.body.dataset.mode = "over";
  at("strip").textContent = sentence;
  if (!at("modes")) return;
  at("modes").disabled = true;
  for (const radio of at("modes").querySelectorAll("input")) radio.checked = false;
}

const ready = refresh();

at("search").addEventListener("input", sift);
at("filter").addEventListener("change", sift);
at("pause").addEventListener("click", pause);
at("back").addEventListener("click", back);
at("clear")?.addEventListener("click", async () => { await change("clear", {}); shown = { number: 0, event: 0, record: null, whole: false }; show(panel); });
at("modes")?.addEventListener("change", async (happened) => {
  const { mode } = await change("mode", { mode: happened.target.value }).catch(() => state);
  showMode({ ...state, mode });
});
for (const button of at("panels").querySelectorAll("[data-panel]")) button.addEventListener("click", () => { document.body.classList.add("looks"); show(button.dataset.panel); });

await ready;
showCount();
// Unless somebody was faster.
if (panel === "summary") await show("summary");
listen();
