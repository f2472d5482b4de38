// The draft: its text and problems, what it changes, and how it becomes the live file.

import { element, plural, section, table } from "./preview-dom.js";
import { asked, tell } from "./preview-dialog.js";

// What was typed and is not used yet: somebody may look at an event meanwhile.
let typed = null;

export const isUnused = () => typed !== null;
export const forgetTyped = () => { typed = null; };

// As a field for text has its lines, whatever ends them in the file.
const inLines = (text) => text.replace(/\r\n?/g, "\n");

export async function draft({ ask, change, state, say, refresh }) {
  const given = await ask("text");
  let used = inLines(given.text);
  const { box, text, point } = editor(typed ?? given.text);
  const about = element("p", {});
  let { tests } = given;
  const tested = element("p", { class: "tested", "aria-live": "polite" });
  const problems = element("div", { "aria-live": "polite" });
  const below = element("div", {});
  let name = "draft.yaml";
  let runs = given.draft;
  // What is published is what was used, and not what is typed meanwhile.
  const guard = () => {
    typed = text.value === used ? null : text.value;
    const publish = below.querySelector("button.publish");
    if (!publish) return;
    publish.disabled = typed !== null || publish.dataset.changes !== "yes";
    below.querySelector(".unused").hidden = typed === null;
  };
  const shown = async () => {
    about.textContent = runs ? "This preview runs a draft." : "This preview runs the live file. Change something, or drop a file here, to try it without touching the live container.";
    tested.className = `tested ${fails(tests) ? "bad" : ""}`;
    tested.textContent = runs ? said(tests) : "";
    tested.hidden = !tested.textContent;
    below.replaceChildren(...await after({ ask, change, state, runs, changed }));
    guard();
  };
  const taken = (found) => {
    used = inLines(found.text);
    ({ draft: runs, tests } = found);
    if (typed === null) { text.value = found.text; problems.replaceChildren(); point([]); }
  };
  // The file in force is another one now.
  const changed = async (words) => {
    taken(await ask("text"));
    await refresh();
    await shown();
    say(words);
  };
  const use = async () => {
    const sent = text.value;
    const found = await change("draft", { text: sent, filename: name });
    const listed = [...found.problems].sort((one, other) => Number(one.level !== "error") - Number(other.level !== "error"));
    const errors = listed.filter((each) => each.level === "error").length;
    ({ draft: runs, tests } = found);
    if (!errors) used = sent;
    // What fails its own tests is not without problems.
    problems.replaceChildren(...(!listed.length && fails(tests) ? [] : [problemsOf(listed, text)]));
    point(listed, errors > 0);
    // An empty draft is none.
    if (!errors && !runs) { typed = null; taken(await ask("text")); }
    await refresh();
    await shown();
    const warnings = listed.length - errors;
    if (errors) say(`${plural(errors, "error")}: not used.`, "bad");
    else say(runs ? `The draft is used from the next request on${warnings ? `, with ${plural(warnings, "warning")}` : ""}.${fails(tests) ? ` ${tests.said}` : ""}` : "This preview runs the live file again.");
  };
  const back = async () => {
    await change("draft", { text: "" });
    typed = null;
    taken(await ask("text"));
    await refresh();
    await shown();
    say("This preview runs the live file again.");
  };
  const thrownAway = (heading, label, act) => (typed === null && !runs ? act() : asked(heading, element("p", {}, typed === null ? "The draft in use is kept nowhere else." : "What was typed here is not used yet, and is kept nowhere else."), { label, act }));
  const take = async (chosen) => {
    if (!chosen) return;
    const act = async () => {
      try {
        text.value = new TextDecoder("utf-8", { fatal: true }).decode(await chosen.arrayBuffer());
      } catch {
        return say(`The file "${chosen.name}" is not text in UTF-8, so it was not used. Save it as UTF-8, and choose it again.`, "bad");
      }
      name = chosen.name;
      guard();
      return use();
    };
    if (typed === null) await act();
    else thrownAway("Throw away what was typed?", "Take the file", act);
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
  text.addEventListener("input", guard);
  await shown();
  return element("div", { class: "draft" }, about, tested, problems, box,
    element("p", { class: "buttons" }, element("button", { type: "button", click: use }, "Use this draft"), element("label", { class: "button plain", for: "file" }, "Choose a file"), file,
      element("button", { class: "plain", type: "button", click: () => thrownAway("Throw the draft away?", "Back to live", back) }, "Back to live")),
    below);
}

const fails = (tests) => Boolean(tests && tests.failed);
// What came of the draft's own tests, and how to learn more.
const said = (tests) => (tests ? `${tests.said}${fails(tests) ? " The command tag-container test says what differs. A preview runs the draft all the same." : ""}` : "");

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
async function after({ ask, change, state, runs, changed }) {
  const things = runs ? (await ask("difference")).things : [];
  const heading = things.length ? `What the draft changes: ${plural(things.length, "thing")}` : "What the draft changes";
  const differs = runs && section(heading, things.length ? things.map((each) => difference(each, things.length < 4)) : element("p", { class: "nothing" }, "The draft says the same as the live file."));
  if (!state.can_publish) return [differs || "", element("p", { class: "nothing" }, "To publish drafts from this page, start the server with --allow-publish.")];
  const { versions } = await ask("versions");
  const publish = element("button", { class: "danger publish", type: "button", "data-changes": things.length ? "yes" : "no", click: () => publishing({ ask, change, changed }) }, "Publish the draft");
  return [differs || "",
    section("Publish", element("p", {}, things.length ? "Writes what is shown above into the container file, and loads it. You are asked before." : "Use a draft that changes something: it can then be written into the container file from here."), element("p", { class: "buttons" }, publish, element("small", { class: "odd unused", hidden: true }, "The text has changed. Use it first."))),
    section("Earlier versions", versions.length ? [element("p", {}, "Each was the live file until the moment in the first column, when somebody put another in its place. The note is what they said about that."), versionsOf(versions, { ask, change, changed })] : element("p", { class: "nothing" }, "None yet: each publishing keeps the file before it, ten at most."))];
}

const NOTE = "Note, kept with the version (optional)";

function versionsOf(listed, parts) {
  return table(["Live until", "Version", "Replaced by", "Note", ""], listed.map((each) => [moment(each.until), element("code", {}, each.version), each.by || "", each.note || "",
    element("p", { class: "buttons" },
      element("button", { class: "plain small", type: "button", click: async () => tell(`What live would be if the version until ${moment(each.until)} were restored`, changes((await parts.ask(`versions/${each.number}`)).things)) }, "Show changes"),
      element("button", { class: "plain small", type: "button", click: () => restoring(each, parts) }, "Restore"))]), "versions");
}

const moment = (at) => new Date(at).toLocaleString("sv-SE");

// Asked anew: it may have become another one since the panel was shown.
async function publishing({ ask, change, changed }) {
  const { things, digest, tests } = await ask("difference");
  asked("Publish the draft?", [fails(tests) && element("p", { class: "bad" }, `${tests.said} You can publish it all the same.`), element("p", {}, "This changes in the container file, for all visitors, at once:"), changes(things)], { label: "Publish", note: NOTE, act: async (note) => {
    await change("publish", { note, digest });
    changed("The draft is live.");
  } });
}

async function restoring({ number, until }, { ask, change, changed }) {
  const { things, digest } = await ask(`versions/${number}`);
  asked(`Restore the version that was live until ${moment(until)}?`, [element("p", {}, "This changes in the container file, for all visitors, at once:"), changes(things)], { label: "Restore it", note: NOTE, act: async (note) => {
    await change("restore", { number, note, digest });
    changed("The earlier version is live again.");
  } });
}

function changes(things) {
  return things.length ? things.map((each) => difference(each, things.length < 4)) : element("p", { class: "nothing" }, "Nothing that has a name differs from the live file.");
}

function difference(each, open) {
  const tone = { removed: "bad", added: "good" }[each.what] || "odd";
  return element("details", { class: "tag change", open },
    element("summary", {}, element("span", { class: `sign ${tone}`, "aria-hidden": "true" }, { removed: "−", added: "+" }[each.what] || "≠"), element("span", { class: "names" }, element("b", {}, each.name || "The file"), element("small", {}, each.kind)), element("span", { class: `state ${tone}` }, each.what)),
    element("pre", { class: "payload diff" }, each.lines.map((line) => element("span", { class: line.startsWith("+") ? "good" : line.startsWith("-") ? "bad" : "" }, `${line}\n`))));
}
