// The screen of a preview: the list of what came in, and the panels that explain one of its events.

import { address, ask, change, refusal, say } from "./preview-asking.js";
import { beside } from "./preview-compare.js";
import { isOpen, keysTold } from "./preview-dialog.js";
import { MASKS, clock, element, plural, teach } from "./preview-dom.js";
import { draft, forgetTyped, isUnused } from "./preview-draft.js";
import { badge, fired, sale } from "./preview-line.js";
import { about, compose, connect, runs as runsIt, summary, waiting } from "./preview-panels.js";
import { consent, conversions, data, tags, variables } from "./preview-tabs.js";
import { outgoing, request, says } from "./preview-traffic.js";

const MOST_SHOWN = 2000;
const at = (id) => document.getElementById(id);
const { shared, tail } = document.body.dataset;

const STRIPS = {
  dry: "Dry run: no vendor is called. Outgoing shows what would be sent, byte for byte.",
  test: "Test events: sent to vendors under the test codes of this session. A tag without one stays dry.",
  send: "Send: requests of this preview go to vendors for real. A test order becomes a sale.",
  tail: "Live traffic runs and is delivered as always. This only looks on.",
};
const LOOKED_ON = {
  dry: "You look on at a dry run: no vendor is called. Values are masked, and nothing can be changed here.",
  test: "You look on: vendors get test events. Values are masked, and nothing can be changed here.",
  send: "You look on: vendors get requests for real. Values are masked, and nothing can be changed here.",
  tail: "You look on at live traffic, which runs and is delivered as always. Values are masked.",
};
const MODES = { dry: "Dry run", test: "Test events", send: "Send" };
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
const NOTHING = { number: 0, event: 0, record: null, whole: false, compared: null };
let shown = NOTHING;

// ---- the mode, which is always visible

function showMode({ mode, draft: runs, live_changed: changed }) {
  Object.assign(state, { mode, draft: runs, live_changed: changed });
  document.body.dataset.mode = tail ? "tail" : mode;
  delete document.body.dataset.fault;
  at("strip").textContent = (shared ? LOOKED_ON : STRIPS)[tail ? "tail" : mode];
  if (tail) return;
  at("runs").textContent = runs ? (changed ? "of a draft; the live file has changed since" : "of a draft") : "of the live file";
  if (shared) { at("mode").textContent = MODES[mode]; at("mode").className = `pill ${mode}`; return; }
  for (const button of at("shown").querySelectorAll("[data-run]")) button.textContent = runsIt(mode);
  for (const radio of at("modes").querySelectorAll("input")) radio.checked = radio.value === mode;
}

function fault(sentence) {
  document.body.dataset.fault = "yes";
  at("strip").textContent = sentence;
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
  const had = before && [...before.querySelectorAll(".event")].indexOf(document.activeElement);
  if (before) before.replaceWith(made);
  else at("hits").prepend(made);
  if (had >= 0) made.querySelectorAll(".event")[had]?.focus({ preventScroll: true });
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
  // With the keys one goes on to what is shown; a mouse is there already.
  const chosen = (index) => async ({ detail }) => { await look(line.number, index, true); if (!detail) toTabs(); };
  const button = (index, kind, ...inside) => element("button", { class: kind, type: "button", "data-number": line.number, "data-event": index, "aria-current": isShown(line.number, index) ? "true" : null, click: chosen(index) }, inside);
  const events = line.events.length ? line.events.map((event, index) => button(index, "event", element("span", { title: [`#${line.number} ${event.name}`, ...sale(event)].join(" · ") }, element("small", {}, `#${line.number} `), event.name, sale(event).map((each) => [" · ", element("small", {}, each)])), fired(event.fired)))
    : button(0, "event none", element("span", {}, element("small", {}, `#${line.number} `), line.why || "no event"));
  const made = element("li", { class: line.failed ? "hit failed" : "hit" },
    element("div", { class: "line" }, element("span", { class: "method" }, line.method), element("span", { class: "path", title: line.path }, line.path), element("time", {}, clock(line.at))),
    element("div", { class: "line small" }, element("span", {}, line.client || "no client"), line.source !== "marked" && !tail && element("span", { class: "source" }, line.source), line.draft && element("span", { class: "source" }, "draft"), badge(line)),
    events);
  made.hidden = !matches(line);
  return made;
}

const isShown = (number, event) => panel === "event" && shown.number === number && shown.event === event;

function matches(line) {
  const words = at("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const text = [line.method, line.path, line.query, line.client, line.why, line.source, ...line.events.flatMap((each) => [each.name, ...sale(each)]), ...line.tags].join(" ").toLowerCase();
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
  shown = { number, event, record, whole: false, compared: null };
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
  if (panel === "event") await show("event");
}

function eventPanel() {
  const { record } = shown;
  if (!record) return teach("Choose an event", "Press one on the left. With the keys: j and k go down and up, Enter goes to what is shown, ? tells all keys.");
  const found = ((record.told && record.told.events) || [])[shown.event];
  const sent = (record.outgoing || []).filter((each) => found && (each.event === shown.event || each.event === found.name || each.event === undefined));
  const panes = {
    Tags: () => (found ? tags(found, { opened, outgoing: sent }) : unread(record)),
    Variables: () => (found ? variables(found) : unread(record)),
    "Event Data": () => (found ? data(found, { view, choose: (name) => { view = name; show("event"); } }) : unread(record)),
    Consent: () => (found ? consent(found) : unread(record)),
    Request: () => request(record),
    Outgoing: () => outgoing(record, sent, { whole: shown.whole, reveals, secrets: state.secrets }),
    Conversions: () => conversions((record.insights || [])[shown.event], { whole: shown.whole, reveals }),
    Console: () => says(record, found),
  };
  const list = element("div", { class: "tabs", role: "tablist", "aria-label": "About this event", keydown: alongTabs }, TABS.map((name) => element("button", { role: "tab", type: "button", id: idOf(name), "aria-selected": String(name === tab && !shown.compared), tabindex: name === tab ? "0" : "-1", "data-tab": name, click: () => choose(name) }, name)));
  const pane = shown.compared ? element("div", { class: "pane" }, beside(shown.compared, { close: () => choose(tab), reveal: "Reveal shows it." })) : element("div", { role: "tabpanel", class: "pane", tabindex: "-1", "aria-labelledby": idOf(tab) }, panes[tab]());
  return element("div", {},
    element("div", { class: "headline" }, element("h2", {}, found ? found.name : "No event", element("small", {}, ` request ${record.number}, ${clock(record.at)}${record.draft ? ", draft" : ""}`)), element("div", { class: "buttons" }, shared || tail ? null : again(record), reveal(record))),
    list, pane);
}

const idOf = (name) => `tab-${name.replace(" ", "-")}`;

function choose(name, focus = true) {
  tab = name;
  shown = { ...shown, compared: null };
  show("event", focus);
}

function unread(record) {
  return teach("No event was read out of this", (record.told && record.told.why) || "The client answered it by itself.", "The tab Request shows what came in.");
}

function reveal(record) {
  if (tail) return element("small", {}, `Masked, for everybody. ${MASKS}`);
  if (shared) return element("small", {}, `Personal data is masked. ${MASKS}`);
  if (shown.whole) return element("span", { class: "masks" }, element("small", { class: "odd" }, "Shown whole, which the log says."), element("button", { class: "plain small", type: "button", click: async () => { const { compared } = shown; await look(record.number, shown.event, true); if (compared) await compare(record); } }, "Mask it again"));
  return element("span", { class: "masks" }, element("small", {}, MASKS), element("button", { class: "plain small", type: "button", click: async () => {
    const whole = await change("reveal", { number: record.number });
    if (shown.number !== record.number) return;
    shown = { ...shown, record: whole, whole: true };
    await (shown.compared ? compare(record) : show("event"));
  } }, "Reveal"));
}

function again(record) {
  const replay = async () => { const { number } = await change("replay", { number: record.number }); await look(number, 0, true); };
  return [element("button", { class: "plain small", type: "button", title: "Run this request once more", click: replay }, "Replay"), element("button", { class: "plain small", type: "button", title: "What live and draft would send, side by side", click: () => compare(record) }, "Compare")];
}

// As the record is shown, masked or whole. Somebody may have gone on, or masked it again, while it was made.
async function compare({ number }) {
  const { whole } = shown;
  const compared = await change("compare", { number, whole });
  if (shown.number !== number || shown.whole !== whole) return;
  shown = { ...shown, compared };
  await show("event");
  at("close-compare")?.focus();
}

function alongTabs(happened) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[happened.key];
  const to = happened.key === "Home" ? 0 : happened.key === "End" ? TABS.length - 1 : step === undefined ? -1 : (TABS.indexOf(tab) + step + TABS.length) % TABS.length;
  if (to < 0) return;
  happened.preventDefault();
  choose(TABS[to]);
}

// ---- the panels

const PANELS = { event: eventPanel, summary, connect, compose, draft, about };

let turns = 0;
async function show(name, focus = false) {
  const [fresh, turn, unused] = [name !== panel, (turns += 1), isUnused()];
  panel = name;
  await ready;
  const made = await PANELS[name]({ ask, change, state, say, refresh, shown, tail, over: leave, go: (number) => { tab = "Tags"; look(number, 0, true); } });
  if (panel !== name || turn !== turns || (name === "draft" && !unused && isUnused())) return; // nobody loses what was typed meanwhile
  const scrolled = at("shown").scrollTop;
  const isInside = at("shown").contains(document.activeElement);
  const had = isInside && document.activeElement.id;
  at("shown").replaceChildren(made);
  if (!fresh) at("shown").scrollTop = scrolled;
  if (had && at(had)) at(had).focus({ preventScroll: true });
  else if (isInside) toTabs();
  keepPlace();
  for (const button of at("panels").querySelectorAll("[data-panel]")) button.setAttribute("aria-current", String(button.dataset.panel === name));
  for (const button of at("hits").querySelectorAll(".event")) {
    if (isShown(Number(button.dataset.number), Number(button.dataset.event))) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
  // On a narrow screen the tabs and panels are longer than it is.
  for (const chosen of document.querySelectorAll('[role="tab"][aria-selected="true"], #panels [aria-current="true"]')) chosen.scrollIntoView({ block: "nearest", inline: "nearest" });
  if (focus) toTabs();
}

function toTabs() {
  (at("shown").querySelector('[role="tab"][tabindex="0"]') || at("shown")).focus();
}

// Not back to a page of which nothing is left, and without a question about a draft that is gone anyway.
function leave(what) {
  forgetTyped();
  location.assign(address(`../../preview?ended=${what}`));
}

// ---- the place, which the address holds: for a reload, a bookmark, a colleague

let keeps = 0;
function keepPlace() {
  clearTimeout(keeps);
  keeps = setTimeout(() => {
    const place = panel !== "event" ? (panel === "summary" ? "" : `#${panel}`) : shown.record ? `#${shown.number}.${shown.event}.${tab.replace(" ", "-")}` : "";
    if (place !== location.hash) history.replaceState(null, "", location.pathname + location.search + place);
  }, 200);
}

// Whether the address names one.
async function toPlace() {
  const [, number, event, name] = location.hash.match(/^#([1-9]\d{0,14})\.(\d{1,4})\.([A-Za-z-]{1,20})$/) || [];
  if (number) {
    tab = TABS.find((each) => each.replace(" ", "-") === name) || "Tags";
    return look(Number(number), Number(event), true).then(() => true, () => false);
  }
  const button = /^#[a-z]+$/.test(location.hash) && at("panels").querySelector(`[data-panel="${location.hash.slice(1)}"]`);
  if (button) { document.body.classList.add("looks"); await show(button.dataset.panel); }
  return Boolean(button);
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
  look(Number(next.dataset.number), Number(next.dataset.event), true);
}

async function inside() {
  const event = document.activeElement.closest?.(".event:not([aria-current])");
  if (event) await look(Number(event.dataset.number), Number(event.dataset.event), true);
  toTabs();
}

function back() {
  document.body.classList.remove("looks");
  at("hits").querySelector('.event[aria-current="true"]')?.focus();
}

addEventListener("keydown", (happened) => {
  if (isOpen()) return;
  const typing = happened.target.closest?.("input:not([type=radio]), textarea, select");
  if (happened.key === "Escape") { if (typing) typing.blur(); else back(); return; }
  if (typing || happened.ctrlKey || happened.metaKey || happened.altKey) return;
  const inList = happened.target.closest?.("#hits");
  const keys = { "/": () => at("search").focus(), j: () => along(1), k: () => along(-1), l: inside, p: pause, "?": keysTold };
  if (inList) Object.assign(keys, { ArrowDown: keys.j, ArrowUp: keys.k, ArrowRight: inside });
  const number = Number(happened.key);
  if (number >= 1 && number <= TABS.length && shown.record) keys[happened.key] = () => choose(TABS[number - 1], false);
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
    if (why) fault(why);
    else over(tail ? "This tail is over, or the server does not let this page in." : `This preview is over, or the server does not let this page in. If it is over: ${MARKED_RUN_LIVE}`);
  });
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
at("clear")?.addEventListener("click", async () => { await change("clear", {}); shown = NOTHING; show(panel); });
at("modes")?.addEventListener("change", async (happened) => {
  const { mode } = await change("mode", { mode: happened.target.value }).catch(() => state);
  showMode({ ...state, mode });
});
for (const button of at("panels").querySelectorAll("[data-panel]")) button.addEventListener("click", () => { document.body.classList.add("looks"); show(button.dataset.panel); });

at("keys").addEventListener("click", keysTold);
at("skip").addEventListener("click", () => { document.body.classList.add("looks"); toTabs(); });
addEventListener("hashchange", toPlace);
// What was typed is kept nowhere else.
addEventListener("beforeunload", (happened) => { if (isUnused()) happened.preventDefault(); });

await ready;
showCount();
// Unless somebody was faster.
if (panel === "summary" && !(await toPlace())) await show("summary");
listen();
