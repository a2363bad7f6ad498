// The prompt as cards, and the tools above them: what is shown, and copies.

/** The prompt as cards: segments that belong together, and messages that are in no prompt, in the order of the file. */
function cardsOf(view) {
  const { data, prompt } = view;
  const starts = prompt.segments.filter((one) => one.kind === "start" && one.message === null);
  const reply = data.ending === "generation_prompt" && starts.length ? starts.at(-1).start : Infinity;
  const keyOf = (one) => (one.message !== null ? one.message : one.start >= reply ? "reply"
    : one.kind === "separator" ? null : { bos: "bos", eos: "eos" }[one.kind] ?? "stray");
  const runs = [];
  for (const segment of prompt.segments) {
    const key = keyOf(segment);
    if (runs.length && (key === null || key === runs.at(-1).key)) runs.at(-1).end = segment.end;
    else runs.push({ key: key ?? "stray", start: segment.start, end: segment.end });
  }
  const apart = view.messages.map((message, index) => ({ message, index })).filter(({ index }) => !view.inWire.has(index));
  const elements = [];
  for (const run of runs) {
    const index = prompt.indexes[run.key];
    while (apart.length && (run.key === "reply" || apart[0].index < index)) elements.push(apartCard(view, apart.shift()));
    elements.push(wiredCard(view, run));
  }
  return [...elements, ...apart.map((one) => apartCard(view, one))];
}

const LOOSE = { reply: "The reply begins here", bos: "Beginning", eos: "End", stray: "Outside of messages" };

function makeCard(view, { index, role, title, tokens }, ...body) {
  const name = index === undefined ? title : `${index ?? "+"} ${title}`;
  const card = { index, role, name, blocks: [] };
  card.element = el("section", { class: "card", "data-role": role, "aria-label": `Message ${visible(name)}` },
    el("h3", {}, visible(name), tokens === undefined ? null : el("span", { class: "faint" }, ` ${number(tokens)} tokens`)), ...body);
  view.cards.push(card);
  return card;
}

function wiredCard(view, { key, start, end }) {
  const { data, prompt } = view;
  const index = prompt.indexes[key];
  const role = view.prompt.roles[key];
  const row = view.byWire.get(key);
  const title = role === undefined ? LOOSE[key] : role + (row?.name ? ` ${row.name}` : "");
  const wire = el("div", { class: "wire", role: "group", tabindex: prompt.tokens ? 0 : null });
  const card = makeCard(view, { index, role: role ?? key, title, tokens: row?.total }, wire);
  card.wire = wire;
  wire.setAttribute("aria-label", `Tokens of ${visible(card.name)}: arrow keys go from one to the next`);
  wire.card = card;
  let at = start;
  for (const stop of blockEnds(prompt, start, end)) {
    const block = makeBlock(prompt, at, stop, settings, stop === end);
    block.card = card;
    block.ondraw = () => highlight(view);
    card.blocks.push(block);
    view.blocks.push(block);
    at = stop;
  }
  wire.append(...card.blocks.map((block) => block.element));
  return card.element;
}

function apartCard(view, { message, index }) {
  const row = view.byIndex.get(index);
  const text = visibleLines(jsonOf(view, index));
  return makeCard(view, { index, role: message.role, title: message.role, tokens: row?.total },
    el("p", { class: "warn" }, "Not in the prompt as shown: "
      + (row ? "it is counted, but how it is written is not known." : "the dialect has no form for it.")),
    el("pre", { class: "wire" }, text)).element;
}

const visibleLines = (text) => text.replace(unseen, escaped);

/* ---- Settings, copies ---- */

function toolbar(view) {
  const { data, prompt } = view;
  const toggle = (label, isOn, change) => {
    const button = el("button", { type: "button", onclick: () => { change(); applySettings(view); } }, label);
    view.toggles.push(() => button.setAttribute("aria-pressed", String(isOn())));
    return button;
  };
  const setting = (label, key) => toggle(label, () => settings[key], () => { settings[key] = !settings[key]; });
  const roleToggle = (role) => toggle(visible(role), () => !settings.hidden.has(role),
    () => { if (!settings.hidden.delete(role)) settings.hidden.add(role); });
  const roles = [...new Set([...prompt.roles, ...view.messages.map((one) => one.role)])];
  const count = el("span", { class: "count", role: "status" });
  const field = el("input", { type: "search", placeholder: "Find text, or #id", "aria-label": "Find text, or a token by #id",
    spellcheck: "false", oninput: () => search(view, field.value), onkeydown: (event) => {
      if (event.key === "Enter") { event.preventDefault(); nextHit(view, event.shiftKey ? -1 : 1); }
    } });
  field.value = settings.query;
  view.count = count;
  const step = (label, sign, way) => el("button", { type: "button", "aria-label": label, onclick: () => nextHit(view, way) }, sign);
  return el("div", { class: "toolbar" },
    el("div", { role: "group", "aria-label": "Show" }, prompt.tokens ? [setting("Tokens", "tokens"), setting("Ids", "ids")] : null,
      setting("Whitespace", "whitespace"), setting("Markers", "markers")),
    roles.length > 1 ? el("div", { role: "group", "aria-label": "Roles" }, roles.map(roleToggle)) : null,
    el("div", { role: "search" }, field, step("Previous", "↑", -1), step("Next", "↓", 1), count),
    el("div", { role: "group", "aria-label": "Copy" }, copyButton("Copy string", () => stringOf(view)),
      data.ids ? copyButton("Copy ids", () => JSON.stringify(data.ids)) : null,
      copyButton("Copy JSON", () => messagesJson(view))));
}

/** The string as `chatml.render` gives it: with its escapes where messages were rendered, a text as it is. */
function stringOf({ prompt }) {
  const pieces = [];
  let done = 0;
  for (const place of prompt.escapes) {
    pieces.push(prompt.text.slice(done, place), "\\");
    done = place;
  }
  return pieces.join("") + prompt.text.slice(done);
}

/** A message of the file as JSON; one with a number that a script would round has its own. */
const jsonOf = ({ data, messages }, index) => data.exact[index] ?? JSON.stringify(messages[index], null, 2);

function messagesJson(view) {
  const written = view.messages.map((_, index) => jsonOf(view, index).split("\n").map((line) => `  ${line}`).join("\n"));
  return written.length ? `[\n${written.join(",\n")}\n]` : "[]";
}

function applySettings(view) {
  const { root, prompt } = view;
  for (const key of ["tokens", "ids", "whitespace", "markers"]) root.dataset[key] = settings[key] ? "on" : "off";
  for (const show of view.toggles) show();
  for (const card of view.cards) card.element.hidden = settings.hidden.has(card.role);
  const layout = `${settings.ids} ${settings.whitespace}`;
  if (view.layout !== undefined && view.layout !== layout) {
    for (const block of view.blocks) if (block.isDrawn) block.draw();
    for (const { wire } of view.cards) if (wire) wire.stop = null;
    if (view.shown >= 0) choose(view, view.shown, { focus: false, scroll: false }); // its element is a new one
  }
  view.layout = layout;
  if (prompt.tokens) setStops(view);
  if (settings.query) search(view, settings.query, { go: false });
}
