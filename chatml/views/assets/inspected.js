// An inspection: facts, table, window, findings, and the prompt as cards. `inspectionView(data)` may be called again
// with new data, to put what it returns in the place of what it returned before: settings are kept, and what listens
// to the window does so once, for the view that was made last.

const settings = { tokens: true, ids: false, whitespace: false, markers: true, hidden: new Set(), query: "" };
const current = { view: null };
const LONG = 100_000; // units; from here on what is far from the window is not laid out

/** The element that shows `data`, which `inspection_data` in chatml/cli/_inspection_data.py makes. */
function inspectionView(data) {
  const prompt = readPrompt(data);
  const root = el("div", { class: "inspection", "data-long": data.text.length > LONG ? "on" : "off" });
  const parts = { cards: [], blocks: [], toggles: [] };
  const view = { data, prompt, root, ...readMessages(data, prompt), ...parts, hits: [], hit: -1, shown: -1 };
  current.view = view;
  view.panel = tokenPanel(view);
  const list = el("div", { class: "cards" }, cardsOf(view));
  const sections = [factsView(data), tableView(view), windowView(data), findingsView(view),
    el("section", { class: "prompt", "aria-label": "Prompt" }, el("h2", {}, "Prompt"), toolbar(view),
      data.ids && prompt.tokens ? null
        : el("p", { class: "warn" }, `Shown without the borders of tokens. ${visible(data.untiled ?? "")}`),
      list, view.panel.element)];
  root.append(...sections.filter(Boolean));
  listenToTokens(view, list);
  applySettings(view);
  search(view, settings.query, { go: false });
  return root;
}

/**
 * The rows of the table with their texts, found also by message of the wire (`byWire`) and of the file (`byIndex`), and
 * the messages of the file as mappings: content that stands in the wire is taken from there.
 */
function readMessages(data, prompt) {
  const contents = contentsOf(prompt);
  const wireOf = new Map(prompt.indexes.map((index, wire) => [index, wire]).filter(([index]) => index !== null));
  const added = prompt.indexes.flatMap((index, wire) => (index === null ? [wire] : []));
  const messages = Array.from({ length: data.messages }, (_, index) => {
    const { role, content, ...others } = data.sources[index] ?? { role: prompt.roles[wireOf.get(index)] };
    return { role, content: content === undefined ? contents[wireOf.get(index)] : content, ...others };
  });
  const byWire = new Map();
  const byIndex = new Map();
  const rows = data.rows.map(([index, name, header, content, framing, rare = {}]) => {
    const usual = { name: null, tool_calls: 0, media: 0, status: "exact", share: null, bound: null };
    const row = { index, role: data.names[name], header, content, framing, ...usual, ...rare };
    const wire = index === null ? added.shift() : wireOf.get(index);
    row.total = header + content + framing + row.tool_calls + row.media;
    row.text = contents[wire] ?? shortText(messages[index]);
    byWire.set(wire, row);
    byIndex.set(index, row);
    return row;
  });
  return { rows, byWire, byIndex, messages, inWire: new Set(wireOf.keys()) };
}

function shortText({ content, tool_calls: calls, function_call: call }) {
  return typeof content === "string" ? content : JSON.stringify(content ?? calls ?? call ?? "");
}
