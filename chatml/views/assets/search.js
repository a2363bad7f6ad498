// Ways to a place: the address, and search.

function goTo(view, place, { end = place + 1, focus = true } = {}) {
  const block = blockAt(view, place);
  block.need();
  reveal(view, block.card);
  if (!isSeen(view, place, end)) {
    settings.markers = true;
    applySettings(view);
  }
  if (view.prompt.tokens) choose(view, groupAt(view.prompt, place), { focus });
  const target = rangeOf(block, place, end).startContainer.parentElement;
  target.scrollIntoView({ block: "center", behavior: "instant" });
}

/** Show a card, and all of its role, if they are hidden. */
function reveal(view, card) {
  if (settings.hidden.delete(card.role)) applySettings(view);
}

function goToMessage(view, card) {
  reveal(view, card);
  card.element.scrollIntoView({ behavior: "instant" });
  const target = card.wire?.hasAttribute("tabindex") ? card.wire : card.element;
  if (target === card.element) target.tabIndex = -1;
  target.focus({ preventScroll: true });
}

/** A link to a message: it leads there also when it is in the address already. */
const messageLink = (name) => el("a", { href: `#m${name}`, onclick: (event) => {
  if (location.hash === event.currentTarget.hash) followHash();
} }, name);

/** Go to what the address names: `#t123` is a token, `#m3` a message. */
function followHash() {
  const { view } = current;
  const [, kind, name] = /^#([tm])(\d+|\+)$/.exec(location.hash) ?? [];
  if (!view) return;
  if (kind === "t" && view.prompt.tokens && Number(name) < view.data.ids.length) {
    goTo(view, view.prompt.tokens.starts[groupOf(view.prompt, Number(name))]);
  } else if (kind === "m") {
    const card = view.cards.find((one) => one.index !== undefined && String(one.index ?? "+") === name);
    if (card) goToMessage(view, card);
  }
}
addEventListener("hashchange", followHash);
addEventListener("beforeprint", () => {
  for (const block of current.view?.blocks ?? []) if (block.end < 1e6) block.need();
});

const MOST_HITS = 50000;

function search(view, query, { go = true } = {}) {
  settings.query = query;
  const { prompt } = view;
  view.hits = query ? [...found(prompt, query)].filter((hit) => isSeen(view, ...hit)) : [];
  view.hit = -1;
  highlight(view);
  if (go && view.hits.length) nextHit(view, 1);
  else view.count.textContent = query ? (view.hits.length ? `${number(view.hits.length)} found` : "nothing found") : "";
}

function* found(prompt, query) {
  const [, id] = /^#(\d+)$/.exec(query) ?? [];
  let count = 0;
  if (id && prompt.tokens) {
    for (let token = prompt.ids.indexOf(Number(id)); token >= 0 && count < MOST_HITS; count += 1) {
      const group = groupOf(prompt, token);
      yield [prompt.tokens.starts[group], prompt.tokens.starts[group + 1]];
      token = prompt.ids.indexOf(Number(id), token + 1);
    }
    return;
  }
  const quoted = [...new Set([query, unescaped(query)])].map((text) => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  for (const { index, 0: text } of prompt.text.matchAll(new RegExp(quoted.join("|"), "giu"))) {
    if (!text || count >= MOST_HITS) return;
    count += 1;
    yield [index, index + text.length];
  }
}

function nextHit(view, way) {
  if (!view.hits.length) return;
  view.hit = (view.hit + way + view.hits.length + (view.hit < 0 && way < 0 ? 1 : 0)) % view.hits.length;
  const [place, end] = view.hits[view.hit];
  goTo(view, place, { end, focus: false });
  highlight(view);
  view.count.textContent = `${number(view.hit + 1)} of ${number(view.hits.length)}`;
}

/** Mark the hits in blocks near the window; once for all changes before the next frame. */
function highlight(view) {
  if (view.isHighlighting || view !== current.view || !CSS.highlights) return;
  view.isHighlighting = true;
  queueMicrotask(() => {
    view.isHighlighting = false;
    const ranges = (hits) => hits.flatMap(([start, end]) => {
      const block = blockAt(view, start);
      return block.isDrawn ? [rangeOf(block, start, Math.min(end, block.end))] : [];
    });
    CSS.highlights.set("hit", new Highlight(...ranges(view.hits)));
    CSS.highlights.set("current-hit", new Highlight(...ranges(view.hits.slice(view.hit, view.hit + 1).filter(() => view.hit >= 0))));
  });
}
