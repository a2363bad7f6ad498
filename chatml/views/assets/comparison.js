// The page of `chatml diff --html`: what it comes to, a table, where the prefix ends, and every changed text.

const comparison = embedded();
const LONG = 400; // characters that did not change and are folded away
const NEAR = 120; // of these, what is shown next to a change
const MOST = 200; // rows of the table and cards that are drawn, until more are asked for
const MARKS = { kept: "", changed: "~", moved: ">", added: "+", removed: "-" };

/** Text of several lines, in which nothing is hidden and nothing moves. */
const seen = (text) => text.split("\n").map(visible).join("\n");
const signed = (value) => (value > 0 ? "+" : "-") + number(Math.abs(value));
const placesOf = ({ before, after }) => [...new Set([before, after].filter(Boolean).map((one) => String(one.index ?? "+")))].join(" → ");
const roleOf = ({ before, after }) => visible((after ?? before).role);
const idOf = (place) => `m${place}`;

function factsView() {
  const { after } = comparison;
  const facts = [["Before", comparison.before.file], ["After", after.file], ["Model", after.model], ["Wire", after.dialect],
    ["Encoding", after.encoding], ...comparison.notes.map((text) => ["Note", text])];
  return el("dl", { class: "facts" }, facts.filter(([, value]) => value)
    .map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, visible(value)))));
}

/* ---- What it comes to ---- */

const STATUS = { fitted: "fitted to what was billed", estimate: "estimates" };

function resultView() {
  const { before, after, delta, prefix, cost } = comparison;
  const fresh = comparison.new_tokens - prefix.lost;
  const shares = [["kept", prefix.tokens, "begin as before: what a cache can keep"],
    ["lost", prefix.lost, "in messages that did not change, behind the first change: read anew"],
    ["fresh", fresh, "new, changed, or between messages"]];
  const totals = delta ? `${number(before.total)} tokens before, ${number(after.total)} after: ${signed(delta)}.`
    : `${number(after.total)} tokens, as many as before.`;
  const weakest = [before, after].map((one) => one.status).find((status) => status !== "exact");
  const line = `${comparison.equal ? `The prompts are equal: ${number(after.total)} tokens.` : totals}${weakest ? ` Counts are ${STATUS[weakest]}.` : ""}`;
  return el("section", { "aria-label": "Result" }, el("p", { class: "total" }, line),
    after.total ? barView(shares) : null,
    el("ul", { class: "legend" }, shares.map(([kind, tokens, words]) => el("li", {},
      el("span", { class: `part ${kind}`, "aria-hidden": "true" }), `${number(tokens)} tokens ${words}`))),
    cost ? el("p", {}, costLine(cost)) : null);
}

function barView(shares) {
  const bar = el("div", { class: "bar", "aria-hidden": "true" });
  for (const [kind, tokens] of shares.filter(([, some]) => some)) {
    const part = el("span", { class: `part ${kind}` });
    part.style.flexGrow = tokens; // the policy forbids style attributes, not what a script sets
    bar.append(part);
  }
  return bar;
}

function costLine({ before, after, after_cached: cached }) {
  if (before === null) return "Cost: no price is known.";
  return `Cost: $${before} before, $${after} after${cached === null ? "" : `; with the whole prefix in a cache $${cached}`}.`;
}

/* ---- The table ---- */

function tableView() {
  const cell = (value) => el("td", { class: "number" }, value ?? "");
  const rowOf = (kind, place, role, before, after, delta, link) => el("tr", { class: kind },
    el("td", {}, link && kind !== "kept"
      ? el("a", { href: `#${link}`, onclick: () => drawUntil(link) }, `${MARKS[kind]} ${kind}`) : kind),
    cell(place), el("th", { scope: "row" }, role), cell(before === null ? "" : number(before)),
    cell(after === null ? "" : number(after)), cell(delta ? signed(delta) : ""));
  const rows = comparison.messages.map((one, place) => () => rowOf(one.change, placesOf(one), roleOf(one),
    one.before ? one.before.total : null, one.after ? one.after.total : null, one.delta,
    one.change === "moved" ? null : idOf(place)));
  const parts = comparison.parts.filter((part) => part.before || part.after).map((part) =>
    rowOf(part.delta ? "changed" : "kept", "", part.name, part.before, part.after, part.delta, null));
  const { before, after, delta } = comparison;
  const titles = ["change", "#", "role", "before", "after", "delta"].map((text, place) =>
    el("th", { scope: "col", class: place === 1 || place > 2 ? "number" : null }, text));
  return el("section", { "aria-label": "Tokens of each message" }, el("h2", {}, "Messages"),
    el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of messages" },
      el("table", {}, el("thead", {}, el("tr", {}, titles)), foldedRows(rows), el("tbody", {}, parts),
        el("tfoot", {}, el("tr", {}, el("td"), el("td"), el("th", { scope: "row" }, "total"), cell(number(before.total)),
          cell(number(after.total)), cell(delta ? signed(delta) : ""))))));
}

/** The rows; of many that follow each other unchanged, one row that shows them. */
function foldedRows(rows) {
  const body = el("tbody");
  const makers = runs(comparison.messages, rows).flatMap(([kept, group]) => (kept && group.length > 3 ? [() => {
    const row = buttonRow(`Show ${number(group.length)} unchanged messages`, () => replace(row, group.map((make) => make())));
    return row;
  }] : group));
  drawSome(body, makers, (left, more) => buttonRow(`Show ${left} more rows`, more));
  return body;
}

const buttonRow = (label, onclick) =>
  el("tr", { class: "kept" }, el("td", { colspan: 6 }, el("button", { type: "button", onclick }, label)));

/** Put nodes in the place of one that a person has used, and the focus on the first of them. */
function replace(node, others) {
  node.replaceWith(...others);
  others[0].tabIndex = -1;
  others[0].focus();
}

/** Draw what `makers` make, `MOST` at a time; `moreOf` makes what shows more. Returns a function that draws all. */
function drawSome(parent, makers, moreOf) {
  let drawn = 0;
  let more = null;
  const draw = (count) => {
    const nodes = makers.slice(drawn, drawn + count).map((make) => make());
    drawn += nodes.length;
    const next = drawn < makers.length ? moreOf(number(makers.length - drawn), () => draw(MOST)) : null;
    if (next) nodes.push(next);
    if (more) replace(more, nodes);
    else parent.append(...nodes);
    more = next;
  };
  draw(MOST);
  return () => { if (more) draw(Infinity); };
}

/** Runs of what was kept and what was not: `[is kept, items]`, the items being those of `given` in their places. */
function runs(changes, given) {
  const found = [];
  changes.forEach((one, place) => {
    const kept = one.change === "kept" || one.change === "moved";
    if (!found.length || found.at(-1)[0] !== kept) found.push([kept, []]);
    found.at(-1)[1].push(given[place]);
  });
  return found;
}

/* ---- Where the prefix ends ---- */

function prefixView() {
  if (!comparison.prefix.before && !comparison.prefix.after) return null;
  const line = (name) => {
    const { left, token, right } = comparison.places[name];
    const end = comparison.prefix[name];
    return el("div", { class: "place" }, el("h3", {}, name === "before" ? "Before" : "After"),
      end && end.id === null ? null : el("p", { class: "mono" }, el("span", { class: "faint" }, visible(left)),
        token ? el("mark", {}, visible(token)) : null, visible(right)),
      el("p", { class: "faint" }, end === null ? "The prompt ends here."
        : end.id === null ? `${UNKNOWN[end.part]} ${end.message ?? ""}: the ids are not known.`
          : `Token ${end.id}, ${visible(JSON.stringify(end.text))}, ${placeWords(end)}`));
  };
  return el("section", { "aria-label": "Where the prefix ends" }, el("h2", {}, "Where the prefix ends"),
    el("p", {}, `The first ${number(comparison.prefix.tokens)} tokens are the same. The next one is not:`),
    el("div", { class: "sides" }, line("before"), line("after")),
    comparison.prefix.is_exact ? null : el("p", { class: "faint" },
      "Tools, calls and images have no known ids: they are compared as they are written, and counted by rule."));
}

const UNKNOWN = { tools: "What stands beside the messages (tools, a response format), taken to come before them",
  calls: "A call or its result, in message", media: "Images, in message" };

function placeWords({ message, part, character }) {
  const where = message === null ? "outside of the messages given" : `message ${message}`;
  if (part === "content") return `in the content of ${where}, at character ${number(character)}`;
  if (part === "reply") return "in what asks for the reply";
  return message === null ? where : `${["end", "separator", "eos"].includes(part) ? "at the end" : "in the header"} of ${where}`;
}

/* ---- The changes ---- */

let drawAll = () => {}; // all cards

/** See that a card is there before a link leads to it. */
const drawUntil = (id) => { if (!document.getElementById(id)) drawAll(); };

function changesView() {
  const makers = runs(comparison.messages, comparison.messages.map(cardOf))
    .flatMap(([kept, group]) => (kept ? [() => foldOf(group)] : group));
  const section = el("section", { "aria-label": "Changes" }, el("h2", {}, "Changes"));
  drawAll = drawSome(section, makers, (left, onclick) => el("button", { type: "button", onclick }, `Show ${left} more changes`));
  return section;
}

function foldOf(makers) {
  const fold = el("details", { class: "fold" }, el("summary", {},
    makers.length === 1 ? "1 unchanged message" : `${number(makers.length)} unchanged messages`));
  fold.addEventListener("toggle", () => drawSome(fold, makers, (left, onclick) =>
    el("button", { type: "button", onclick }, `Show ${left} more messages`)), { once: true });
  return fold;
}

const cardOf = (one, place) => () => {
  const words = { changed: `${number(one.before?.total ?? 0)} tokens before, ${number(one.after?.total ?? 0)} after` };
  const title = `${MARKS[one.change]} Message ${placesOf(one)}, ${roleOf(one)}, ${one.change}: `;
  return el("article", { class: `card ${one.change}`, id: idOf(place), tabindex: -1 },
    el("h3", {}, title, el("span", { class: "faint" }, words[one.change] ?? `${number((one.after ?? one.before).total)} tokens`)),
    one.change === "changed" ? sidesOf(one) : wholeText(one));
};

function wholeText({ change, text }) {
  const kind = { added: "ins", removed: "del" }[change] ?? "span";
  return el("p", { class: "text" }, text ? el(kind, {}, seen(text)) : el("span", { class: "faint" }, "(no text)"));
}

function sidesOf({ before, after, fields, pieces }) {
  const named = fields.filter((field) => field === "role" || field === "name").map((field) =>
    el("p", {}, `${field}: `, el("del", {}, visible(before[field] ?? "")), " ", el("ins", {}, visible(after[field] ?? ""))));
  const side = (title, kind, which) => el("div", {}, el("h4", {}, title), el("p", { class: "text" },
    pieces.map(([operation, ...texts], place) => (operation === "equal"
      ? equalText(texts[0], place > 0, place < pieces.length - 1)
      : texts[which] ? el(kind, {}, seen(texts[which])) : null))));
  return [named, el("div", { class: "sides" }, side("Before", "del", 0), side("After", "ins", 1))];
}

/** A text that did not change; the middle of a long one is shown on request. */
function equalText(text, follows, goesOn) {
  if (text.length <= LONG) return seen(text);
  const begin = follows ? NEAR : 0;
  const end = text.length - (goesOn ? NEAR : 0);
  const middle = seen(text.slice(begin, end));
  const button = el("button", { type: "button", class: "more", onclick: () => replace(button, [el("span", {}, middle)]) }, `Show ${number(end - begin)} equal characters`);
  return [seen(text.slice(0, begin)), button, seen(text.slice(end))];
}

document.body.append(
  el("header", {}, el("h1", {}, "What changed"), el("div", { class: "buttons" },
    copyButton("Copy as JSON", () => JSON.stringify(comparison, null, 2)), themeButton())),
  el("main", {}, factsView(), resultView(), tableView(), prefixView(), changesView()),
  el("footer", { class: "faint" }, "Made by chatml. This page holds both prompts and asks no network."),
);
