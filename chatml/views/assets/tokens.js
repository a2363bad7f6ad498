// One token: what there is to know of it, under the pointer and under the keyboard.

let panels = 0; // ids of elements have to differ while an old view and a new one are in the page

function tokenPanel(view) {
  panels += 1;
  const facts = el("dl", {});
  const link = copyButton("Copy link", () => `${location.href.split("#")[0]}#t${view.prompt.tokens.firsts[view.shown]}`);
  const element = el("div", { class: "panel", id: `token-panel-${panels}`, hidden: true }, facts, link);
  const show = (group) => {
    element.hidden = group < 0;
    if (group >= 0) facts.replaceChildren(...tokenFacts(view, group).map(([name, value]) => el("div", {},
      el("dt", {}, name), el("dd", {}, value))));
  };
  return { element, show };
}

/** What there is to know of a group of tokens. */
function tokenFacts(view, group) {
  const { prompt, data } = view;
  const place = prompt.tokens.starts[group];
  const segment = segmentAt(prompt, place);
  const ids = idsOf(prompt, group);
  const first = prompt.tokens.firsts[group];
  const end = prompt.tokens.starts[group + 1];
  const forged = prompt.forged.find(([from, to]) => from < end && to > place);
  const index = segment.message === null ? null : prompt.indexes[segment.message];
  const message = segment.message === null ? "of no message" : `${index ?? "+"} ${view.prompt.roles[segment.message]}`;
  const special = ids.some((id) => id in prompt.special);
  const kind = special ? "special token, by its id" : forged ? `text that spells ${forged[2]}` : segment.kind;
  return [
    ["token", ids.length > 1 ? `${number(first)}–${number(first + ids.length - 1)}` : number(first)],
    [ids.length > 1 ? "ids" : "id", ids.join(" + ")],
    ["piece", el("code", {}, visible(textOf(prompt, group)))],
    ["bytes", el("code", {}, hexOf(prompt, group).join(" + "))],
    ["character", number(characterAt(prompt.text, place))],
    ["message", visible(message)],
    ["kind", visible(kind)],
  ];
}

/** The block and span of a group, drawn if it was not; a group over two blocks is that where it begins. */
function spanOf(view, group) {
  const block = blockAt(view, view.prompt.tokens.starts[group]);
  block.need();
  return block.groups[group - block.first];
}

function blockAt(view, place) {
  return view.blocks[Math.max(lastAtMost(view.blocks, place, (one) => one.start), 0)];
}

/** Choose a token: it is marked, the panel is about it, and it is the tab stop of its card. */
function choose(view, group, { focus = true, scroll = true } = {}) {
  const span = spanOf(view, group);
  const wire = span.closest(".wire");
  view.chosen?.classList.remove("chosen");
  wire.stop?.removeAttribute("tabindex");
  [view.chosen, view.shown, wire.stop] = [span, group, span];
  span.classList.add("chosen");
  span.setAttribute("role", "button");
  span.setAttribute("aria-label", visible(textOf(view.prompt, group)));
  span.setAttribute("aria-describedby", view.panel.element.id);
  span.tabIndex = 0;
  wire.tabIndex = -1; // its tab stop is the token now
  view.panel.show(group);
  if (focus && document.activeElement !== span) span.focus({ preventScroll: true });
  if (!scroll) return;
  span.style.scrollMarginBlockEnd = `${view.panel.element.offsetHeight + 8}px`; // the panel lies over the end of the window
  span.scrollIntoView({ block: "nearest", behavior: "instant" });
}

function listenToTokens(view, list) {
  const { prompt } = view;
  list.addEventListener("copy", (event) => {
    const selection = getSelection();
    if (!selection.rangeCount || selection.isCollapsed) return;
    event.clipboardData.setData("text/plain", selectedText(selection.getRangeAt(0), prompt.text));
    event.preventDefault();
  });
  if (!prompt.tokens) return;
  const tokenOf = (event) => event.target.closest?.(".token");
  // not pointerover: a page that scrolls below a pointer at rest would show what comes to lie there
  list.addEventListener("pointermove", (event) => { if (tokenOf(event)) view.panel.show(tokenOf(event).group); });
  list.addEventListener("pointerleave", () => view.panel.show(view.shown));
  list.addEventListener("click", (event) => {
    if (tokenOf(event) && getSelection().isCollapsed) choose(view, tokenOf(event).group);
  });
  list.addEventListener("focusin", ({ target }) => {
    const { card, group } = target;
    const first = card && target.matches(":focus-visible") ? firstOf(view, card) : null;
    if (first !== null) choose(view, first);
    else if (group !== undefined && target !== view.chosen) choose(view, group);
  });
  list.addEventListener("keydown", (event) => {
    if (!event.target.matches(".token") || event.altKey || event.metaKey) return;
    if (event.key === "Escape") view.panel.show(-1);
    else {
      const next = keyTarget(view, event, event.target.group);
      if (next === undefined) return;
      choose(view, next);
      if (event.key === "Enter" || event.key === " ") history.replaceState(null, "", `#t${prompt.tokens.firsts[next]}`);
    }
    event.preventDefault();
  });
}

/** Where a key goes from a token: left, right, a line up or down, to the ends of a message or of the prompt. */
function keyTarget(view, { key, ctrlKey }, group) {
  const card = blockAt(view, view.prompt.tokens.starts[group]).card;
  const last = view.prompt.tokens.starts.length - 2;
  const [from, to] = ctrlKey ? [0, last] : endsOf(view, card);
  switch (key) {
    case "ArrowRight": return step(view, group, 1);
    case "ArrowLeft": return step(view, group, -1);
    case "ArrowDown": return lineStep(view, group, 1);
    case "ArrowUp": return lineStep(view, group, -1);
    case "Home": return seenFrom(view, from, 1);
    case "End": return seenFrom(view, to, -1);
    case "Enter": case " ": return group;
    default: return undefined;
  }
}

const step = (view, group, way) => seenFrom(view, group + way, way) ?? group;

/** The next token that can be seen, from `group` on; null where there is none. */
function seenFrom(view, group, way, last = way < 0 ? 0 : view.prompt.tokens.starts.length - 2) {
  for (let next = group; way * next <= way * last; next += way) if (isTokenSeen(view, next)) return next;
  return null;
}

/** The first token of a card that can be seen; null where there is none. */
function firstOf(view, card) {
  const [from, to] = endsOf(view, card);
  return seenFrom(view, from, 1, to);
}

/** The first and last token of a card. */
const endsOf = ({ prompt }, { blocks }) => [blocks[0].start, blocks.at(-1).end - 1].map((at) => groupAt(prompt, at));

function isTokenSeen(view, group) {
  const { starts } = view.prompt.tokens;
  return isSeen(view, starts[group], starts[group + 1]);
}

/** Whether some of a part of the prompt can be seen: messages can be hidden, and markers. */
function isSeen(view, start, end) {
  if (blockAt(view, start).card.element.hidden) return false;
  if (settings.markers) return true;
  const { pieces } = view.prompt;
  let index = lastAtMost(pieces, start, (one) => one.start);
  for (; index < pieces.length && pieces[index].start < end; index += 1) if (!pieces[index].look.startsWith("frame")) return true;
  return false;
}

/** Each card that shows a token is one stop of the keyboard: the token that was chosen last, or the card. */
function setStops(view) {
  for (const card of view.cards.filter(({ wire, element }) => wire && !element.hidden)) {
    const { wire } = card;
    if (wire.stop && !isTokenSeen(view, wire.stop.group)) {
      wire.stop.removeAttribute("tabindex");
      wire.stop = null;
    }
    wire.tabIndex = wire.stop || firstOf(view, card) === null ? -1 : 0;
  }
}

function lineStep(view, group, way) {
  const box = (one) => spanOf(view, one).getClientRects()[0] ?? spanOf(view, one).getBoundingClientRect();
  const { left, top } = box(group);
  let best = group;
  let line = null;
  for (let next = step(view, group, way), last = group; next !== last; last = next, next = step(view, next, way)) {
    const there = box(next);
    if (Math.abs(there.top - top) < 2 || there.width === 0) continue;
    line ??= there.top;
    if (Math.abs(there.top - line) >= 2) break;
    if (best === group || Math.abs(there.left - left) < Math.abs(box(best).left - left)) best = next;
  }
  return best;
}
