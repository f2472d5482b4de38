// What live and draft would do with one hit, side by side, and the lines in which they differ.

import { element, table, teach } from "./preview-dom.js";
import { statusOf } from "./preview-tabs.js";

const MOST_PAIRS = 250000;

// `close`: takes it away again, where it stands in the place of something else. `reveal`: how one sees what is masked.
export function beside({ live, draft, is_draft: isDraft, differing: odd }, { close = null, reveal }) {
  const heading = element("div", { class: "headline" }, element("h2", {}, isDraft ? "Live and draft, side by side" : "What live does with this"), close && element("button", { class: "plain small", type: "button", id: "close-compare", click: close }, "Close"));
  const without = isDraft ? null : element("p", { class: "nothing" }, "There is no draft: live is shown. Use one under Draft, and compare again.");
  const names = [...new Set([live, draft].flatMap((side) => (side.events || []).flatMap((event, index) => event.tags.map((tag) => `${index}\n${event.name}\n${tag.tag}`))))];
  if (!names.length) return element("section", { class: "part compared" }, heading, without, teach(isDraft ? "Neither of them reads an event out of this" : "No event is read out of this", live.why || draft.why || "No client takes it."));
  const rows = names.map((key) => rowOf(key, [live, draft], isDraft && { odd, reveal }));
  const cut = [...new Set([live, draft].flatMap((each) => each.cut || []))].map((each) => element("p", { class: "note odd" }, each));
  return element("section", { class: "part compared" }, heading, without, table(isDraft ? ["Tag", "Live", "Draft"] : ["Tag", "Live"], rows, "beside"), cut);
}

// `found`: the tags that differ by their real values, nothing without a draft.
function rowOf(key, sides, found) {
  const [index, event, name] = key.split("\n");
  const tags = sides.map((side) => ((((side.events || [])[Number(index)] || {}).tags) || []).find((tag) => tag.tag === name));
  const heading = [element("b", {}, name), element("small", {}, ` ${event}`)];
  if (!found) return [heading, sideOf(tags[0], tags[0])];
  const differs = found.odd.find((each) => each.event === Number(index) && each.tag === name);
  return [[heading, element("p", { class: differs ? "note odd" : "note muted" }, differs ? "differs" : "the same"), differs && differs.masked && element("p", { class: "note odd" }, `${differs.shown ? "Something that is masked differs as well." : "The difference is in what is masked."} ${found.reveal}`)], sideOf(tags[0], tags[1], differs), sideOf(tags[1], tags[0], differs)];
}

function sideOf(tag, other, differs) {
  if (!tag) return element("span", { class: "none" }, "not in the file");
  const [, tone, word] = statusOf(tag.status);
  const [ours, theirs] = [tag, other || {}].map((each) => (each.requests || []).map(linesOf));
  return element("div", {}, element("p", { class: tone }, marked(word, !other || tag.status === other.status)), element("p", { class: "note muted" }, marked(tag.why || "", !other || tag.why === other.why)),
    ours.map((lines, index) => {
      const odd = differs && theirs[index] ? differing(lines, theirs[index]) : new Set();
      return element("pre", { class: "json" }, lines.map((line, number) => [marked(line, !odd.has(number)), "\n"]));
    }));
}

const marked = (text, same) => (same ? text : element("mark", { title: "Differs" }, text));

function linesOf(request) {
  const headers = Object.entries(request.headers || {}).map(([name, held]) => `${name}: ${held}`);
  const body = request.json === undefined ? String(request.body || "") : JSON.stringify(request.json, null, 2);
  return [`${request.method} ${request.url}`, ...headers, ...body.split("\n")];
}

// The lines of ours that are not in the longest sequence which both have.
export function differing(ours, theirs) {
  let begin = 0;
  while (begin < ours.length && begin < theirs.length && ours[begin] === theirs[begin]) begin += 1;
  let end = 0;
  while (end < ours.length - begin && end < theirs.length - begin && ours[ours.length - 1 - end] === theirs[theirs.length - 1 - end]) end += 1;
  const [mine, others] = [ours.slice(begin, ours.length - end), theirs.slice(begin, theirs.length - end)];
  if (mine.length * others.length > MOST_PAIRS) {
    const known = new Set(others);
    return new Set(mine.flatMap((line, index) => (known.has(line) ? [] : [begin + index])));
  }
  const width = others.length + 1;
  const common = new Uint32Array((mine.length + 1) * width);
  for (let i = mine.length - 1; i >= 0; i -= 1) {
    for (let j = others.length - 1; j >= 0; j -= 1) {
      common[i * width + j] = mine[i] === others[j] ? common[(i + 1) * width + j + 1] + 1 : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
    }
  }
  const found = new Set();
  for (let i = 0, j = 0; i < mine.length;) {
    if (j < others.length && mine[i] === others[j]) { i += 1; j += 1; }
    else if (j < others.length && common[i * width + j + 1] > common[(i + 1) * width + j]) j += 1;
    else { found.add(begin + i); i += 1; }
  }
  return found;
}
