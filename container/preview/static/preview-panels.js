// The panels beside an event: totals, how hits come here, and hits by hand.

import { wrongAddress } from "./preview-address.js";
import { beside } from "./preview-compare.js";
import { asked } from "./preview-dialog.js";
import { block, clock, copying, curl, element, facts, plural, section, table, teach } from "./preview-dom.js";
import { statusOf } from "./preview-tabs.js";

// ---- the summary

const TONES = { delivered: "good", "delivered by live": "good", "not sent": "muted", "on its way": "muted" };

export async function summary({ ask, state, tail }) {
  const found = await ask("summary");
  const rows = found.tags.map((each) => [
    [element("b", {}, each.tag), element("small", {}, ` ${each.type}`)],
    element("div", { class: "chips" }, Object.entries(each.statuses).map(([status, number]) => element("span", { class: `chip ${statusOf(status)[1]}` }, `${statusOf(status)[2]} ${number}`))),
    element("div", { class: "chips" }, Object.entries(each.verdicts).map(([verdict, number]) => element("span", { class: `chip ${TONES[verdict] || "bad"}` }, `${verdict} ${number}`))),
  ]);
  return element("div", {},
    element("dl", { class: "figures" }, [["Requests", found.hits], ["Events", found.events], ["Tags", found.tags.length], ["Dropped to make room", state.dropped || 0], ...(found.tail ? [["Over the limit, not looked at", found.tail.let_go]] : [])].map(([name, number]) => element("div", {}, element("dt", {}, name), element("dd", {}, number.toLocaleString("en"))))),
    found.tail && found.tail.let_go > 0 && element("p", { class: "nothing" }, `Of the hits drawn, ${found.tail.let_go.toLocaleString("en")} were not looked at: all tails together take ${found.tail.most_a_second} hits a second. A smaller share shows the traffic more evenly.`),
    found.hits ? table(["Tag", "On events", "Requests"], rows) : tail ? teach("Nothing has come in yet", "Here stands for each tag on how many events of the sample it fired, or why it did not.") : firstSteps(state));
}

function firstSteps(state) {
  return teach("Nothing has come in yet",
    state.mark ? "Open the panel Connect and follow its link: this browser's hits then appear here." : "What comes in appears here by itself.",
    "Or send one by hand: the panel Compose has a purchase and every other event of GA4's e-commerce ready.",
    "While this is a dry run, no vendor is called, whatever you do.");
}

// ---- a tail

export function waiting(percent) {
  return teach(`Waiting for hits: ${percent} % of the live traffic is looked at`,
    "Each hit of the sample appears here after it was answered. Nothing about it changes for who sent it, and it is delivered as always.",
    `${Number(percent) < 100 ? `On a quiet site this takes a while: of ${Math.round(100 / Number(percent)).toLocaleString("en")} hits one is looked at. ` : ""}To see your own hits at once, start a preview.`);
}

export function about({ change, state, tail, over }) {
  return element("div", { class: "columns" },
    section("What this tail sees", facts([["Share", `${tail} % of the hits without a mark of a preview`], ["Limit", `${state.tail.most_a_second} hits a second, all tails together`]]),
      element("p", {}, "Hits run live, and are delivered as always. Afterwards those of the sample run once more through the live file, which sends nothing."),
      element("p", {}, "They are masked before they are kept, so nobody can reveal them. To see a request whole, send it yourself in a preview.")),
    lookOn(state),
    ending(state, "tail", { change, over }));
}

// ---- how hits come here

export function connect({ change, state, over, say }) {
  const address = element("input", { type: "url", value: state.public, placeholder: "https://tags.shop.example", "aria-label": "Address of your container", autocomplete: "off" });
  const link = element("div", {});
  const line = block("", "curl line");
  const wrong = element("span", { class: "wrong", role: "alert" });
  const label = element("label", {}, "Address of your container", address, wrong);
  const check = () => {
    wrong.textContent = wrongAddress(address.value);
    if (wrong.textContent) address.setAttribute("aria-invalid", "true");
    else address.removeAttribute("aria-invalid");
    return !wrong.textContent;
  };
  // Of what is no address no line is made.
  const origin = () => (wrongAddress(address.value) ? "https://YOUR-HOST" : address.value.trim().replace(/\/+$/, ""));
  const curlLine = () => curl("GET", `${origin()}/g/collect?v=2&tid=G-EXAMPLE01&cid=1.2&en=page_view`, [[state.header, state.mark]], "");
  const show = () => { line.textContent = curlLine(); };
  address.addEventListener("input", () => { show(); if (address.hasAttribute("aria-invalid")) check(); });
  address.addEventListener("change", check);
  show();
  const make = async () => {
    link.replaceChildren();
    if (!check()) { address.focus(); return; }
    const { link: whole } = await change("link", { address: address.value });
    link.replaceChildren(block(whole, "The link"), element("p", { class: "buttons" }, copying("Copy link", whole)), element("p", { class: "nothing" }, "Open it in the browser with which you test, and press the button there. It works once, within five minutes."));
  };
  return element("div", { class: "columns" },
    section("This browser, or another", label, element("p", { class: "buttons" }, element("button", { type: "button", click: make }, "Make a link")), link),
    section("Everything else: a header", facts([["Header", element("code", {}, state.header)], ["Value", element("code", {}, state.mark)]]), line, element("p", { class: "buttons" }, copying("Copy curl line", curlLine), copying("Copy value", () => state.mark))),
    codes({ change, state, say }),
    rules({ change, state, say }),
    lookOn(state),
    ending(state, "preview", { change, over }));
}

function lookOn(state) {
  return section("Let others look on", element("p", {}, "Who has this address sees the same, masked, and changes nothing."), element("p", { class: "buttons" }, copying("Copy address", () => new URL(`shared/${state.share}`, location.origin + location.pathname).href)));
}

function ending(state, what, { change, over }) {
  const end = () => asked(`End this ${what}?`, element("p", {}, what === "tail" ? "What it has caught is gone then, also for who looks on." : "Its requests, its draft and its rules are gone then, also for who looks on. Marked hits then run live."), { label: "End it", act: async () => { await change("end", {}); over(what); } });
  return section("Session", element("p", {}, `It ends at ${clock(state.ends * 1000)} unless it is used.${what === "preview" ? " Marked hits then run live." : ""}`), element("p", { class: "buttons" }, element("button", { class: "danger", type: "button", click: end }, `End this ${what}`)));
}

function codes({ change, state, say }) {
  const listed = state.tags.filter((tag) => tag.test_code);
  const others = state.tags.filter((tag) => tag.switch && tag.switch.field).map(withSwitch);
  if (!listed.length) return section("Test events", others.length ? others : element("p", { class: "nothing" }, "No tag of this file has a vendor with test codes: in the mode Test events they all stay dry."));
  const fields = listed.map(({ name }) => {
    const input = element("input", { name, value: (state.codes || {})[name] || "", placeholder: "TEST12345", autocomplete: "off", spellcheck: "false" });
    return { name, input, made: element("label", {}, name, input) };
  });
  const form = element("form", { class: "fields", submit: async (happened) => {
    happened.preventDefault();
    const before = Object.keys(state.codes || {});
    const found = await change("codes", { codes: Object.fromEntries(new FormData(form)) }).catch(({ faults }) => { pointOut(fields, faults || {}); });
    if (!found) return;
    pointOut(fields, {});
    state.codes = found.codes;
    say(kept(before, Object.keys(found.codes)));
  } }, fields.map(({ made }) => made), element("p", { class: "buttons" }, element("button", {}, "Keep")));
  return section("Test events", element("p", {}, "The vendor's code, such as TikTok's from Events Manager. A tag without one stays dry."), form, others);
}

// How the events of a tag without test codes can be seen.
function withSwitch({ name, switch: { field, does } }) {
  return element("p", { class: "nothing" }, `${name} takes no test code, so it stays dry in Test events. To see its events at the vendor, choose Send, with `, element("code", {}, `${field}: true`), ` in the tag (a reference there counts in preview only): ${does}.`);
}

// What became of the codes of these tags.
function kept(before, now) {
  const gone = before.filter((name) => !now.includes(name));
  const removed = gone.length ? `Removed: the test code of ${gone.join(", ")}. ` : "";
  if (!now.length) return removed ? `${removed}No tag has one now, so all stay dry in Test events.` : "No test code was entered, so none is kept.";
  return `${removed}${plural(now.length, "test code")} kept for this session.${document.body.dataset.mode === "dry" ? " Now choose Test events." : ""}`;
}

// Puts what is wrong with fields beside them, and the cursor into the first of these. Whether there is any.
function pointOut(fields, faults) {
  const odd = fields.filter(({ name }) => faults[name] !== undefined);
  for (const { input, made } of fields) {
    made.querySelector(".wrong")?.remove();
    input.removeAttribute("aria-invalid");
  }
  for (const { name, input, made } of odd) {
    input.setAttribute("aria-invalid", "true");
    made.append(element("span", { class: "wrong", role: "alert" }, faults[name]));
  }
  odd[0]?.input.focus();
  return odd.length > 0;
}

const MOST_RULES = 10;
const PARTS = [["client_id", "Client id", "1234567890.1700000000"], ["address", "Address or network", "203.0.113.0/24"], ["path", "Path (pattern)", "^/g/collect"], ["percent", "Share of visitors, in percent", "1"]];

function rules({ change, state, say }) {
  const inside = element("div", {});
  const keep = async (listed, sentence) => {
    state.rules = (await change("rules", { rules: listed })).rules;
    show();
    say(sentence);
  };
  const show = () => {
    const listed = state.rules || [];
    const without = (index) => () => keep(listed.filter((_, each) => each !== index), "The rule is gone.");
    inside.replaceChildren(
      listed.length ? element("ul", { class: "rules" }, listed.map((each, index) => element("li", {}, ruleOf(each), element("button", { class: "plain small", type: "button", "aria-label": `Remove rule ${index + 1}`, click: without(index) }, "Remove")))) : element("p", { class: "nothing" }, "No rule yet: only hits with the mark are seen."),
      listed.length < MOST_RULES ? newRule((given) => keep([...listed, given], "The rule holds from the next hit on.")) : element("p", { class: "nothing" }, `These are ${MOST_RULES} rules, which is all a session has. Remove one to add another.`));
  };
  show();
  return section("Live traffic, by rule", element("p", {}, "Such hits run live and are delivered as always. The draft runs beside them and never sends. A hit is seen if one of the rules takes it."), inside);
}

function ruleOf(given) {
  return element("dl", { class: "facts" }, PARTS.filter(([name]) => given[name] !== undefined).map(([name, label]) => [element("dt", {}, label), element("dd", {}, element("code", {}, given[name]), name === "percent" ? " %" : "")]));
}

function newRule(add) {
  const fields = PARTS.map(([name, label, placeholder]) => {
    const input = element("input", { name, placeholder, autocomplete: "off", spellcheck: "false", inputmode: name === "percent" ? "decimal" : null });
    return { name, input, made: element("label", {}, label, input) };
  });
  const whole = element("p", { class: "wrong", role: "alert" });
  const wrong = ({ faults, message }) => {
    whole.textContent = pointOut(fields, faults || {}) ? "" : message;
  };
  const form = element("form", { class: "fields", submit: async (happened) => {
    happened.preventDefault();
    const given = Object.fromEntries(fields.map(({ name, input }) => [name, input.value.trim()]).filter(([, held]) => held !== ""));
    if (!Object.keys(given).length) return wrong({ message: "Fill in one of these. What stays empty is not asked." });
    await add(given).catch(wrong);
  } }, element("h4", {}, "Add a rule"), element("p", { class: "nothing" }, "A hit has to satisfy all that is filled in."), fields.map(({ made }) => made), whole, element("p", { class: "buttons" }, element("button", {}, "Add")));
  return form;
}

// ---- hits by hand

export const runs = (mode) => (mode === "dry" ? "Run it" : "Send");
// What was written by hand: somebody looks at what came of it, and comes back to change a little.
let composed = null;

export function compose({ change, state, go, shown }) {
  const presets = element("select", { "aria-label": "Preset" }, state.presets.map((each) => element("option", { value: each.name, selected: each.name === "purchase" }, each.name)));
  const method = element("select", { "aria-label": "Method" }, ["GET", "POST"].map((each) => element("option", { value: each }, each)));
  const path = element("input", { "aria-label": "Path", spellcheck: "false", autocomplete: "off" });
  const query = element("textarea", { rows: 10, spellcheck: "false" });
  const headers = element("textarea", { rows: 3, spellcheck: "false" });
  const body = element("textarea", { rows: 4, spellcheck: "false" });
  const result = element("div", {});
  const wrong = element("span", { class: "wrong", role: "alert" });
  const hit = () => ({ method: method.value, path: path.value, query: query.value.replaceAll("\n", ""), body: body.value,
    headers: headers.value.split("\n").filter((line) => line.trim()).map((line) => [line.slice(0, Math.max(line.indexOf(":"), 0)).trim(), line.slice(line.indexOf(":") + 1).trim()]) });
  // Whether every header has a name: of what was left out nobody would know.
  const checked = () => {
    const number = headers.value.split("\n").findIndex((line) => line.trim() && line.trim().indexOf(":") < 1) + 1;
    wrong.textContent = number ? `Line ${number} is no header: write its name, a colon, and its value, such as user-agent: Mozilla/5.0. Nothing was done.` : "";
    if (number) headers.setAttribute("aria-invalid", "true");
    else headers.removeAttribute("aria-invalid");
    if (number) headers.focus();
    return !number;
  };
  const fill = (given) => {
    method.value = given.method;
    path.value = given.path;
    query.value = (given.query || "").split("&").join("\n&");
    headers.value = (given.headers || []).map((each) => each.join(": ")).join("\n");
    body.value = given.body || "";
  };
  const preset = () => state.presets.find((each) => each.name === presets.value).hit;
  const keep = () => { composed = { preset: presets.value, hit: hit() }; };
  presets.addEventListener("change", () => fill(preset()));
  presets.value = composed ? composed.preset : "purchase";
  fill(composed ? composed.hit : preset());
  const send = async () => { if (checked()) go((await change("compose", { hit: hit() })).number); };
  const compare = async () => {
    if (checked())
      result.replaceChildren(beside(await change("compare", { hit: hit() }), { reveal: "Run it, reveal that request, and compare it there." }));
  };
  const base = state.public || "https://tags.shop.example";
  return element("form", { class: "fields", input: keep, change: keep, submit: (happened) => { happened.preventDefault(); send(); } },
    element("label", {}, "Preset", presets),
    element("div", { class: "line" }, element("label", {}, "Method", method), element("label", { class: "grow" }, "Path", path)),
    element("label", {}, "Query", query), element("label", {}, "Headers, one per line", headers, wrong), element("label", {}, "Body", body),
    element("p", { class: "buttons" }, element("button", { "data-run": true }, runs(document.body.dataset.mode)), element("button", { class: "plain", type: "button", click: compare }, "Compare live and draft"),
      copying("Copy as curl", () => { if (!checked()) return null; const made = hit(); return curl(made.method, `${base}${made.path}?${made.query}`, [...made.headers, [state.header, state.mark]], made.body); })),
    shown.record && element("p", { class: "nothing" }, `Or run request ${shown.record.number} again: `, element("button", { class: "plain small", type: "button", click: async () => go((await change("replay", { number: shown.record.number })).number) }, "Replay it")),
    result);
}
