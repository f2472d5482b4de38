"use strict";
// Everything that was received is put into the page as text (textContent), never as markup.

const POLL_MS = 1000, MOST_SHOWN = 200, MOST_EVENTS = 20;
const counts = { "": 0, accepted: 0, refused: 0, faulted: 0 };
let last = 0;
let shownVerdict = "", shownVendor = "";
let polling = false;

const at = (id) => document.getElementById(id);
const titles = Object.fromEntries([...at("shown-vendor").options].map((option) => [option.value, option.textContent]));

function element(kind, className, ...children) {
  const made = document.createElement(kind);
  if (className) made.className = className;
  for (const child of children) made.append(child instanceof Node ? child : document.createTextNode(String(child)));
  return made;
}

function clock(milliseconds) {
  const date = new Date(milliseconds);
  return Number.isNaN(date.getTime()) ? String(milliseconds) : date.toLocaleString("sv-SE");
}

function written(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

// ---- one received request

/** The vendor's own code, whether it stands in the answer or in an error inside it. */
function codeOf(answer) {
  const found = answer && typeof answer === "object" ? answer.error || answer : {};
  return found.code === undefined ? "" : ` ${found.code}`;
}

/** Of an address that checks and counts nothing. */
function checkedAs(request) {
  if (request.verdict === "accepted") return "Checked: nothing is wrong";
  return request.answer.validationMessages.length ? "Checked: told what is wrong" : "Checked: said nothing";
}

function outcome(request) {
  const code = codeOf(request.answer);
  if (request.verdict !== "faulted" && request.answer && request.answer.validationMessages) return checkedAs(request);
  if (request.verdict === "accepted") return "Accepted";
  if (request.verdict === "refused" && !code && request.status < 300) return "Dropped without a word";
  if (request.verdict === "refused") return `Refused${code || ` ${request.status}`}`;
  if (request.status === null) return "Fault: connection broken";
  return request.status === 200 || code ? `Fault:${code || " " + kindOf(request.fault)}` : `Fault: ${request.status}`;
}

/** What a fault is, without what says for whom. */
function kindOf(fault) {
  return Object.keys(fault).find((name) => name !== "vendor" && name !== "event");
}

function lines(className, texts) {
  return element("ul", className, ...texts.map((text) => element("li", "", text)));
}

function fields(rows) {
  const list = element("dl", "fields");
  for (const [name, value] of rows) list.append(element("dt", "", name), element("dd", "", value));
  return list;
}

function keys(values) {
  const chips = Object.entries(values).map(([name, value]) => element("span", "key", element("b", "", name), ` ${value}`));
  return element("div", "keys", ...chips);
}

function contentsTable(contents) {
  const names = ["content_id", "id", "item_id", "content_name", "item_name", "quantity", "price", "item_price", "brand", "item_brand", "content_category", "item_category"];
  const others = contents.flatMap((content) => Object.keys(content)).filter((name) => !names.includes(name));
  const columns = [...names, ...new Set(others)].filter((name) => contents.some((content) => name in content));
  const figure = (name) => (["quantity", "price", "item_price"].includes(name) ? "figure" : "");
  const heads = columns.map((name) => element("th", figure(name), name.replace(/^(content|item)_/, "")));
  const rows = contents.map((content) =>
    element("tr", "", ...columns.map((name) => element("td", figure(name), name in content ? written(content[name]) : ""))));
  const table = element("table", "", element("thead", "", element("tr", "", ...heads)), element("tbody", "", ...rows));
  return element("div", "scroll", table);
}

function eventBlock(event, verdict, copyOf) {
  const head = element("summary", "event-head", element("span", "event-name", event.name || "(no name)"));
  if (event.value !== null) head.append(element("span", "money", `${written(event.value)} ${event.currency}`));
  if (event.event_id) head.append(element("span", "mono muted", event.event_id));
  if (copyOf !== undefined) {
    const consequence = verdict === "accepted" ? ": the vendor would merge or drop it" : "";
    head.append(element("span", "copy", `same event as in #${copyOf}${consequence}`));
  }
  const rows = [];
  if (event.time !== null) rows.push(["event time", clock(event.time * 1000)]);
  if (event.page) rows.push(["page", event.page]);
  if (Object.keys(event.browser).length) rows.push(["click, browser", keys(event.browser)]);
  if (Object.keys(event.user).length) rows.push(["user", keys(event.user)]);
  if (event.contents.length) rows.push(["contents", contentsTable(event.contents)]);
  if (Object.keys(event.more).length) rows.push(["more", keys(event.more)]);
  const block = element("details", "event", head, fields(rows));
  head.addEventListener("click", () => { block.dataset.kept = "yes"; });
  return block;
}

/** Only the newest request lies open, and what somebody opened by hand. */
function openNewest() {
  const newest = at("received").firstElementChild;
  for (const block of document.querySelectorAll("details.event:not([data-kept])")) {
    block.open = newest !== null && newest.contains(block);
  }
}

function rawBlock(request) {
  const block = element("details", "", element("summary", "", "Raw request and answer"));
  block.addEventListener("toggle", () => {
    if (!block.open || block.children.length > 1) return;
    const body = request.body === null ? request.text : JSON.stringify(request.body, null, 2);
    const answer = typeof request.answer === "string" ? request.answer : JSON.stringify(request.answer, null, 2);
    const headers = Object.entries(request.headers).map(([name, value]) => `${name}: ${value}`).join("\n");
    block.append(
      element("h3", "", `${request.method} ${request.path}`), element("pre", "", headers), element("pre", "", body || "(no body)"),
      element("h3", "", request.status === null ? "No answer" : `Answer, status ${request.status}`),
      element("pre", "", request.status === null ? "(connection broken)" : answer || "(nothing)"));
  });
  return block;
}

function requestCard(request) {
  const count = request.events.length;
  const head = element("header", "",
    element("span", "number", `#${request.number}`), element("span", "pill", outcome(request)),
    element("b", "", titles[request.vendor] || request.vendor), element("span", "", count === 1 ? "1 event" : `${count} events`));
  if (request.account) head.append(element("code", "", request.account));
  if (request.test_code) head.append(element("span", "tag", request.test_code === "debug" ? "for DebugView" : `test code ${request.test_code}`));
  if (request.fault && request.fault.slow) head.append(element("span", "tag", `slow ${request.fault.slow} s`));
  head.append(element("span", "muted right", clock(request.time)));

  const card = element("article", `request ${request.verdict}`, head);
  card.dataset.verdict = request.verdict;
  card.dataset.vendor = request.vendor;
  card.hidden = isHidden(card);
  if (request.reasons.length) card.append(lines("reasons", request.reasons));
  request.events.slice(0, MOST_EVENTS).forEach((event, index) => card.append(eventBlock(event, request.verdict, request.copies[index])));
  if (count > MOST_EVENTS) card.append(element("p", "further muted", `and ${count - MOST_EVENTS} more events, in the raw request`));
  if (request.remarks.length) card.append(lines("remarks", request.remarks));
  card.append(rawBlock(request));
  return card;
}

// ---- the list

function isHidden(card) {
  const { verdict, vendor } = card.dataset;
  return (shownVerdict !== "" && shownVerdict !== verdict) || (shownVendor !== "" && shownVendor !== vendor);
}

function showFiltered() {
  for (const card of at("received").children) card.hidden = isHidden(card);
}

function showCounts() {
  for (const label of document.querySelectorAll("[data-count]")) label.textContent = counts[label.dataset.count];
  at("nothing").hidden = counts[""] > 0;
}

function forgetAll() {
  at("received").replaceChildren();
  for (const name of Object.keys(counts)) counts[name] = 0;
  showCounts();
}

async function poll() {
  if (polling) return; // two at once would show a request twice
  polling = true;
  try {
    let answer = await (await fetch(`received?since=${last}`)).json();
    if (answer.last < last) { // the sandbox was started anew
      forgetAll();
      answer = await (await fetch("received")).json();
    }
    const list = at("received");
    for (const request of answer.received) {
      list.prepend(requestCard(request));
      counts[""] += 1;
      counts[request.verdict] += 1;
    }
    while (list.children.length > MOST_SHOWN) list.lastElementChild.remove();
    if (answer.received.length) openNewest();
    last = answer.last;
    showCounts();
    showFaults((await (await fetch("faults")).json()).faults);
    state("live", "Live");
  } catch {
    state("lost", "Sandbox not reachable");
  } finally {
    polling = false;
  }
}

function state(className, text) {
  at("state").className = `state ${className}`;
  if (at("state").textContent !== text) at("state").textContent = text;
}

// ---- faults

function showFaults(faults) {
  at("script").replaceChildren(...faults.map((fault) => {
    const { times, ...rest } = fault;
    return element("li", "", element("code", "", Object.entries(rest).map(([name, value]) => `${name}: ${written(value)}`).join(", ")), element("span", "", times === "always" ? "always" : `${times} ×`));
  }));
  at("no-script").hidden = faults.length > 0;
  at("fault-count").hidden = faults.length === 0;
  at("fault-count").textContent = faults.length;
}

async function addFault(fault, vendor) {
  vendor ||= at("vendor").value; // a fault of transport fits any of them
  const event = at("event").value.trim();
  const whole = { ...fault, times: at("always").checked ? "always" : Number(at("times").value) };
  if (vendor) whole.vendor = vendor;
  if (event) whole.event = event;
  const answer = await (await fetch("faults", { method: "POST", body: JSON.stringify(whole) })).json();
  at("problem").hidden = answer.problem === undefined;
  at("problem").textContent = answer.problem || "";
  if (answer.faults) showFaults(answer.faults);
}

for (const button of document.querySelectorAll("button.fault")) {
  button.addEventListener("click", () => addFault(JSON.parse(button.dataset.fault), button.dataset.vendor));
}
for (const button of document.querySelectorAll("button.add")) {
  const select = button.previousElementSibling;
  button.addEventListener("click", () => addFault(JSON.parse(select.value), select.dataset.vendor));
}
for (const button of document.querySelectorAll("button.filter")) {
  button.addEventListener("click", () => {
    shownVerdict = button.dataset.verdict;
    for (const each of document.querySelectorAll("button.filter")) each.setAttribute("aria-pressed", String(each === button));
    showFiltered();
  });
}
at("shown-vendor").addEventListener("change", () => { shownVendor = at("shown-vendor").value; showFiltered(); });
at("always").addEventListener("change", () => { at("times").disabled = at("always").checked; });
at("clear-faults").addEventListener("click", async () => { await fetch("faults", { method: "DELETE" }); showFaults([]); });
at("clear-received").addEventListener("click", async () => { await fetch("received", { method: "DELETE" }); forgetAll(); });
for (const address of document.querySelectorAll(".address")) address.textContent = location.origin + address.dataset.path;
if (matchMedia("(max-width: 900px)").matches) at("faults-panel").open = false;

async function run() {
  if (!document.hidden) await poll();
  setTimeout(run, POLL_MS);
}
document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
run();
