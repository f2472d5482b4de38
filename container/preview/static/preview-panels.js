// The panels beside an event: totals, how hits come here, hits by hand, and the draft.

import { block, clock, copying, curl, element, facts, plural, section, table, teach, value } from "./preview-dom.js";
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
    element("dl", { class: "figures" }, [["Requests", found.hits], ["Events", found.events], ["Tags", found.tags.length], ["No longer kept", state.dropped || 0], ...(found.tail ? [["Past the limit", found.tail.let_go]] : [])].map(([name, number]) => element("div", {}, element("dt", {}, name), element("dd", {}, number.toLocaleString("en"))))),
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

export function about({ change, state, tail, reload }) {
  return element("div", { class: "columns" },
    section("What this tail sees", facts([["Share", `${tail} % of the hits without a mark of a preview`], ["Limit", `${state.tail.most_a_second} hits a second, all tails together`]]),
      element("p", {}, "Hits run live, and are delivered as always. Afterwards those of the sample run once more through the live file, which sends nothing."),
      element("p", {}, "They are masked before they are kept, so nobody can reveal them. To see a request whole, send it yourself in a preview.")),
    lookOn(state),
    ending(state, "tail", { change, reload }));
}

// ---- how hits come here

export function connect({ change, state, reload, say }) {
  const address = element("input", { type: "url", value: state.public, placeholder: "https://tags.shop.example", "aria-label": "Address of your container", autocomplete: "off" });
  const link = element("div", {});
  const line = block("", "curl line");
  const origin = () => (address.value || "").trim().replace(/\/+$/, "") || "https://tags.shop.example";
  const curlLine = () => curl("GET", `${origin()}/g/collect?v=2&tid=G-EXAMPLE01&cid=1.2&en=page_view`, [[state.header, state.mark]], "");
  const show = () => { line.textContent = curlLine(); };
  address.addEventListener("input", show);
  show();
  const make = async () => {
    const { path } = await change("link", {});
    const whole = `${origin()}${path}`;
    link.replaceChildren(block(whole, "The link"), element("p", { class: "buttons" }, copying("Copy link", whole)), element("p", { class: "nothing" }, "Open it in the browser with which you test, and press the button there. It works once, within five minutes."));
  };
  return element("div", { class: "columns" },
    section("This browser, or another", element("label", {}, "Address of your container", address), element("p", { class: "buttons" }, element("button", { type: "button", click: make }, "Make a link")), link),
    section("Everything else: a header", facts([["Header", element("code", {}, state.header)], ["Value", element("code", {}, state.mark)]]), line, element("p", { class: "buttons" }, copying("Copy curl line", curlLine), copying("Copy value", () => state.mark))),
    codes({ change, state, say }),
    rules({ change, state, say }),
    lookOn(state),
    ending(state, "preview", { change, reload }));
}

function lookOn(state) {
  return section("Let others look on", element("p", {}, "Who has this address sees the same, masked, and changes nothing."), element("p", { class: "buttons" }, copying("Copy address", () => new URL(`shared/${state.share}`, location.origin + location.pathname).href)));
}

function ending(state, what, { change, reload }) {
  return section("Session", element("p", {}, `It ends at ${clock(state.ends * 1000)} unless something happens before.${what === "preview" ? " Marked hits then run live." : ""}`), element("p", { class: "buttons" }, element("button", { class: "danger", type: "button", click: async () => { await change("end", {}); reload(); } }, `End this ${what}`)));
}

function codes({ change, state, say }) {
  const listed = state.tags.filter((tag) => tag.test_code);
  if (!listed.length) return section("Test events", element("p", { class: "nothing" }, "No tag of this file has a vendor with test codes: in the mode Test events they all stay dry."));
  const form = element("form", { class: "fields", submit: async (happened) => {
    happened.preventDefault();
    await change("codes", { codes: Object.fromEntries(new FormData(form)) });
    say("The test codes are kept for this session.");
  } }, listed.map((tag) => element("label", {}, tag.name, element("input", { name: tag.name, value: (state.codes || {})[tag.name] || "", placeholder: "TEST12345", autocomplete: "off", spellcheck: "false" }))), element("p", { class: "buttons" }, element("button", {}, "Keep")));
  return section("Test events", element("p", {}, "The vendor's code, such as TikTok's from Events Manager. A tag without one stays dry."), form);
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
  const wrong = ({ part, message }) => {
    for (const { name, input, made } of fields) {
      made.querySelector(".wrong")?.remove();
      input.removeAttribute("aria-invalid");
      if (name !== part) continue;
      input.setAttribute("aria-invalid", "true");
      made.append(element("span", { class: "wrong", role: "alert" }, message));
      input.focus();
    }
    whole.textContent = fields.some(({ name }) => name === part) ? "" : message;
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
  const hit = () => ({ method: method.value, path: path.value, query: query.value.replaceAll("\n", ""), body: body.value,
    headers: headers.value.split("\n").filter((line) => line.includes(":")).map((line) => [line.slice(0, line.indexOf(":")).trim(), line.slice(line.indexOf(":") + 1).trim()]) });
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
  const send = async () => { const { number } = await change("compose", { hit: hit() }); go(number); };
  const compare = async () => result.replaceChildren(beside(await change("compare", { hit: hit() })));
  const base = state.public || "https://tags.shop.example";
  return element("form", { class: "fields", input: keep, change: keep, submit: (happened) => { happened.preventDefault(); send(); } },
    element("label", {}, "Preset", presets),
    element("div", { class: "line" }, element("label", {}, "Method", method), element("label", { class: "grow" }, "Path", path)),
    element("label", {}, "Query", query), element("label", {}, "Headers, one per line", headers), element("label", {}, "Body", body),
    element("p", { class: "buttons" }, element("button", {}, "Send"), element("button", { class: "plain", type: "button", click: compare }, "Compare live and draft"),
      copying("Copy as curl", () => { const made = hit(); return curl(made.method, `${base}${made.path}?${made.query}`, [...made.headers, [state.header, state.mark]], made.body); })),
    shown.record && element("p", { class: "nothing" }, `Or run request ${shown.record.number} again: `, element("button", { class: "plain small", type: "button", click: async () => go((await change("replay", { number: shown.record.number })).number) }, "Replay it")),
    result);
}

export function beside({ live, draft }) {
  const names = [...new Set([live, draft].flatMap((side) => (side.events || []).flatMap((event, index) => event.tags.map((tag) => `${index}\n${event.name}\n${tag.tag}`))))];
  const of = (side, key) => {
    const [index, , name] = key.split("\n");
    return ((((side.events || [])[Number(index)] || {}).tags) || []).find((tag) => tag.tag === name);
  };
  if (!names.length) return teach("Neither of them reads an event out of this", live.why || draft.why || "No client takes it.");
  const rows = names.map((key) => {
    const sides = [of(live, key), of(draft, key)];
    const same = JSON.stringify(sides[0] && [sides[0].status, sides[0].requests]) === JSON.stringify(sides[1] && [sides[1].status, sides[1].requests]);
    const [, event, name] = key.split("\n");
    return [[element("b", {}, name), element("small", {}, ` ${event}`), element("p", { class: same ? "note muted" : "note odd" }, same ? "the same" : "differs")], ...sides.map(side)];
  });
  const cut = [...new Set([live, draft].flatMap((each) => each.cut || []))].map((each) => element("p", { class: "note odd" }, each));
  return section("Side by side", table(["Tag", "Live", "Draft"], rows, "beside"), cut);
}

function side(tag) {
  if (!tag) return element("span", { class: "none" }, "not in the file");
  const [, tone, word] = statusOf(tag.status);
  return element("div", {}, element("p", { class: tone }, word), element("p", { class: "note muted" }, tag.why || ""), (tag.requests || []).map((each) => value(each.json === undefined ? each.body : each.json)));
}

// ---- the draft

// What was typed and not used yet: somebody may look at an event meanwhile.
let typed = null;

export async function draft({ ask, change, state, say, refresh }) {
  const given = await ask("text");
  const { box, text, point } = editor(typed ?? given.text);
  const about = element("p", {});
  const problems = element("div", { "aria-live": "polite" });
  const below = element("div", {});
  let name = "draft.yaml";
  const shown = async (runs) => {
    about.textContent = runs ? "This preview runs a draft." : "This preview runs the live file. Change something, or drop a file here, to try it without touching the live container.";
    below.replaceChildren(...await after({ ask, change, state, say, runs, changed }));
  };
  // The file in force is another one now.
  const changed = async (words) => {
    const now = await ask("text");
    if (typed === null) { text.value = now.text; problems.replaceChildren(); point([]); }
    await refresh();
    await shown(now.draft);
    unused();
    say(words);
  };
  const use = async () => {
    const used = text.value;
    const found = await change("draft", { text: used, filename: name });
    const refused = found.problems.some((each) => each.level === "error");
    // What was typed while the server read is not used yet.
    typed = refused || text.value !== used ? text.value : null;
    problems.replaceChildren(problemsOf(found.problems, text, point));
    point(found.problems, refused);
    await refresh();
    await shown(found.draft);
    unused();
    say(refused ? "The draft has problems, and is not used." : "The draft is used from the next request on.");
  };
  const back = async () => {
    await change("draft", { text: "" });
    await refresh();
    typed = null;
    text.value = (await ask("text")).text;
    problems.replaceChildren();
    point([]);
    await shown(false);
    say("This preview runs the live file again.");
  };
  const take = async (file) => {
    if (!file) return;
    try {
      text.value = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
    } catch {
      say(`The file "${file.name}" is not text in UTF-8, so it was not used. Save it as UTF-8, and choose it again.`);
      return;
    }
    name = file.name;
    typed = text.value;
    await use();
  };
  text.addEventListener("dragover", (happened) => { happened.preventDefault(); text.classList.add("over"); });
  text.addEventListener("dragleave", () => text.classList.remove("over"));
  text.addEventListener("drop", (happened) => { happened.preventDefault(); text.classList.remove("over"); take(happened.dataTransfer.files[0]); });
  const file = element("input", { type: "file", accept: ".yaml,.yml", class: "unseen", id: "file", change: () => {
    const [chosen] = file.files;
    // So that the same one can be chosen again, once it was changed.
    file.value = "";
    take(chosen);
  } });
  // What is published is what was used, and not what is typed meanwhile.
  const unused = () => {
    const publish = typed === null ? null : below.querySelector("button.publish:enabled");
    if (!publish) return;
    publish.disabled = true;
    publish.after(element("small", { class: "odd" }, "The text has changed. Use it first."));
  };
  text.addEventListener("input", () => {
    typed = text.value;
    unused();
  });
  await shown(given.draft);
  unused();
  return element("div", { class: "draft" }, about, problems, box,
    element("p", { class: "buttons" }, element("button", { type: "button", click: use }, "Use this draft"), element("label", { class: "button plain", for: "file" }, "Choose a file"), file,
      element("button", { class: "plain", type: "button", click: back }, "Back to live")),
    below);
}

// The text with the numbers of its lines, of which those with a problem are marked.
function editor(written) {
  const numbers = element("pre", { class: "numbers", "aria-hidden": "true" });
  const text = element("textarea", { class: "file", rows: 22, spellcheck: "false", "aria-label": "The draft" });
  text.value = written;
  let tones = new Map();
  let counted = -1;
  const count = () => {
    const lines = text.value.split("\n").length;
    if (lines === counted) return;
    counted = lines;
    numbers.replaceChildren(...Array.from({ length: lines }, (_, index) => element("span", { class: tones.get(index + 1) }, `${index + 1}\n`)));
  };
  const point = (listed, jump = false) => {
    tones = new Map([...listed].reverse().map((each) => [each.line, toneOf(each)]));
    counted = -1;
    count();
    if (jump && listed.length) toLine(text, listed[0].line);
  };
  text.addEventListener("input", count);
  text.addEventListener("scroll", () => { numbers.scrollTop = text.scrollTop; });
  count();
  return { box: element("div", { class: "editor" }, numbers, text), text, point };
}

const toneOf = (each) => (each.level === "error" ? "bad" : "odd");

function problemsOf(listed, text) {
  if (!listed.length) return element("p", { class: "good" }, "No problems.");
  const lines = text.value.split("\n");
  return element("ul", { class: "problems" }, listed.map((each) => element("li", {},
    element("p", { class: toneOf(each) }, element("button", { class: "plain small", type: "button", title: "Go to this line", click: () => toLine(text, each.line) }, `${each.line}:${each.column}`), ` ${each.level}[${each.code}] ${each.sentence}`),
    lines[each.line - 1] !== undefined && element("pre", { class: "place" }, `${lines[each.line - 1]}\n${" ".repeat(Math.max(each.column - 1, 0))}^`),
    each.hint ? element("small", {}, each.hint) : null)));
}

function toLine(text, line) {
  const lines = text.value.split("\n");
  const start = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  text.focus({ preventScroll: true });
  text.setSelectionRange(start, start + (lines[line - 1] || "").length);
  text.scrollTop = Math.max(line - 4, 0) * parseFloat(getComputedStyle(text).lineHeight);
}

// What the draft changes, and what can be done about it.
async function after({ ask, change, state, say, runs, changed }) {
  const { things, digest } = runs ? await ask("difference") : { things: [], digest: "" };
  const heading = things.length ? `What the draft changes: ${plural(things.length, "thing")}` : "What the draft changes";
  const differs = runs && section(heading, things.length ? things.map((each) => difference(each, things.length < 4)) : element("p", { class: "nothing" }, "The draft says the same as the live file."));
  if (!state.can_publish) return [differs || "", element("p", { class: "nothing" }, "To publish drafts from this page, start the server with --allow-publish.")];
  const { versions } = await ask("versions");
  const again = (each) => element("button", { class: "plain small", type: "button", click: async () => { await change("restore", { number: each.number }); await changed("The earlier version is live again."); } }, "Restore");
  const publish = element("button", { class: "danger publish", type: "button", disabled: !things.length, click: async () => { await change("publish", { digest }); await changed("The draft is live."); } }, "Publish the draft");
  return [differs || "",
    section("Publish", element("p", {}, things.length ? "Writes what is shown above into the container file, and loads it." : "Use a draft that changes something: it can then be written into the container file from here."), element("p", { class: "buttons" }, publish)),
    section("Earlier versions", versions.length ? table(["Until", "Version", "By", ""], versions.map((each) => [new Date(each.until).toLocaleString("sv-SE"), element("code", {}, each.version), each.by || "", again(each)])) : element("p", { class: "nothing" }, "None yet: each publishing keeps the file before it, ten at most."))];
}

function difference(each, open) {
  const tone = { removed: "bad", added: "good" }[each.what] || "odd";
  return element("details", { class: "tag change", open },
    element("summary", {}, element("span", { class: `sign ${tone}`, "aria-hidden": "true" }, { removed: "−", added: "+" }[each.what] || "≠"), element("span", { class: "names" }, element("b", {}, each.name || "The file"), element("small", {}, each.kind)), element("span", { class: `state ${tone}` }, each.what)),
    element("pre", { class: "payload diff" }, each.lines.map((line) => element("span", { class: line.startsWith("+") ? "good" : line.startsWith("-") ? "bad" : "" }, `${line}\n`))));
}
