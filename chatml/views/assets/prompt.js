// A prompt: what cuts its text (messages, segments, tokens), and how a part of it is drawn. Places are UTF-16 units.
//
// The text is drawn in blocks of some lines. A block is plain text at first, which is cheap, and has its tokens from
// when it comes near the window, or is asked for: so the length of a prompt costs next to nothing.

/* ---- Characters: the same as chatml/_visible.py ---- */

const UNSEEN = "\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f" // controls, but for newline and tab
  + "\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069\\u2028\\u2029" // direction, ends of lines
  + "\\xad\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200d\\u2060-\\u2065\\u206a-\\u206f\\u3164"
  + "\\ufeff\\uffa0\\ufff0-\\ufffb\\ufe00-\\ufe0e\\u{13430}-\\u{1343f}\\u{1bca0}-\\u{1bca3}\\u{1d173}-\\u{1d17a}"
  + "\\u{e0000}-\\u{e0fff}" // what takes no room
  + "\\ud800-\\udfff"; // lone surrogates: a pair is one character to a pattern with the flag u
const unseen = new RegExp(`[${UNSEEN}]`, "gu");
const unseenOrLayout = new RegExp(`[\\t\\n${UNSEEN}]`, "gu");
const unseenOrSpace = new RegExp(`[\\s${UNSEEN}]`, "gu");
const NAMED = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function escaped(character) {
  const code = character.codePointAt(0);
  const digits = (length) => code.toString(16).padStart(length, "0");
  return NAMED[character] ?? (code < 0x100 ? `\\x${digits(2)}` : `<U+${digits(4).toUpperCase()}>`);
}

/** Text in one line, in which nothing is hidden and nothing moves. */
const visible = (text) => text.replace(unseenOrLayout, escaped);

/** What a person may have copied from `visible`, as characters. */
const unescaped = (text) => text.replace(/\\x([0-9a-f]{2})|<U\+([0-9A-F]{4,6})>|\\([nrt])/g,
  (all, byte, code, name) => (name ? { n: "\n", r: "\r", t: "\t" }[name] : safeCharacter(parseInt(byte ?? code, 16), all)));
const safeCharacter = (code, otherwise) => (code <= 0x10ffff ? String.fromCodePoint(code) : otherwise);

/**
 * Append text as it is to be seen. `place` is where it stands; text nodes and what stands for a character keep theirs
 * (`place`, and `stands`: for how many units), so that copying and searching find the true text. Returns the text nodes.
 */
function showText(parent, text, place, spaces = false, nodes = []) {
  const add = (to, shown, at, stands) => {
    const node = document.createTextNode(shown);
    node.place = at;
    node.stands = stands;
    nodes.push(node);
    to.appendChild(node);
  };
  let done = 0;
  for (const { 0: character, index } of text.matchAll(spaces ? unseenOrSpace : unseen)) {
    if (index > done) add(parent, text.slice(done, index), place + done);
    done = index + character.length;
    const isSpace = spaces && /\s/.test(character) && !/[\r\v\f\u2028\u2029\ufeff]/.test(character);
    const span = el("span", { class: isSpace ? `space ${SPACES[character] ?? "other"}` : "odd" });
    if (isSpace) add(span, character, place + index);
    else add(span, escaped(character), place + index, character.length);
    parent.appendChild(span);
  }
  if (done < text.length) add(parent, done ? text.slice(done) : text, place + done);
  return nodes;
}
const SPACES = { " ": "blank", "\t": "tab", "\n": "newline" };

/** The true text of what is selected; what is no text of a prompt, such as headings, is left out. */
function selectedText(range, text) {
  const root = range.commonAncestorContainer;
  if (root.nodeType === Node.TEXT_NODE) return root.place === undefined ? "" : trueText(root, range, text);
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  let found = "";
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node.place === undefined || !range.intersectsNode(node)) continue;
    if (node.parentElement.checkVisibility()) found += trueText(node, range, text); // roles and markers may be hidden
  }
  return found;
}

function trueText(node, range, text) {
  if (node.stands) return text.slice(node.place, node.place + node.stands);
  const from = node === range.startContainer ? range.startOffset : 0;
  const to = node === range.endContainer ? range.endOffset : node.length;
  return text.slice(node.place + from, node.place + to);
}

/* ---- What cuts a text ---- */

const bytesOf = (text) => new TextEncoder().encode(text); // of a lone surrogate those of U+FFFD, as in Python

/**
 * Cut a text at the borders of tokens, given the bytes of each. Tokens that share a character are one group: it begins
 * at `starts[group]` with token `firsts[group]`. Returns null where the tokens are not those of the text.
 */
function cutTokens(text, lengths) {
  if (!lengths) return null;
  const starts = [0];
  const firsts = [0];
  let place = 0;
  let bytes = 0; // of tokens, less those of the characters before `place`: below 0 within a character
  for (let token = 0; token < lengths.length; token += 1) {
    bytes += lengths[token];
    while (bytes > 0 && place < text.length) {
      const code = text.codePointAt(place);
      bytes -= code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
      place += code < 0x10000 ? 1 : 2;
    }
    if (bytes === 0) {
      starts.push(place);
      firsts.push(token + 1);
    }
  }
  return bytes === 0 && place === text.length ? { starts, firsts } : null;
}

/** The last index at which a sorted list has at most `value`. */
function lastAtMost(list, value, of = (one) => one) {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (of(list[middle]) <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

const CONTENT = new Set(["content", "trusted", "reasoning", "tool_call"]);

/** The text of each message of the wire. */
function contentsOf(prompt) {
  const contents = prompt.roles.map(() => "");
  for (const { kind, message, start, end } of prompt.segments) {
    if (message !== null && CONTENT.has(kind)) contents[message] += prompt.text.slice(start, end);
  }
  return contents;
}

/** The data of a prompt, as `_wire_value` in chatml/cli/_inspection_data.py makes it, with all that cuts it. */
function readPrompt(data) {
  const lengths = data.lengths === null ? null // an empty prompt has none of them, and they add up
    : Array.from(data.lengths, (letter) => letter.charCodeAt(0) - 47); // "0" is one byte
  const prompt = { ...data, lengths, tokens: cutTokens(data.text, lengths), segments: [], pieces: [] };
  prompt.roles = data.roles.map((place) => data.names[place]);
  prompt.indexes = data.indexes ?? data.roles.map((_, place) => place);
  let start = 0;
  let next = 0; // the next forged token
  let last = -1;
  let message = null;
  for (const letter of data.segments) {
    if ("|_^".includes(letter)) {
      if (letter === "|") last += 1;
      message = letter === "_" ? null : last;
      continue;
    }
    const [kind, special] = [data.kinds[letter.toLowerCase()], letter < "a"];
    const end = start + data.sizes[prompt.segments.length];
    prompt.segments.push({ kind, start, end, message, special });
    const look = kind === "stray" ? "stray" : CONTENT.has(kind) ? "" : "frame";
    const control = special && data.ids?.length ? " special" : "";
    while (next < data.forged.length && data.forged[next][0] < end) {
      const [from, to, token] = data.forged[next];
      if (from > start) prompt.pieces.push({ start, end: from, look });
      prompt.pieces.push({ start: from, end: to, look: "forged", token });
      start = to;
      next += 1;
    }
    if (start < end) prompt.pieces.push({ start, end, look: look + control });
    start = end;
  }
  return prompt;
}

/** The group of tokens that has a place, or a token. */
const groupAt = (prompt, place) => Math.min(lastAtMost(prompt.tokens.starts, place), prompt.tokens.starts.length - 2);
const groupOf = (prompt, token) => Math.min(lastAtMost(prompt.tokens.firsts, token), prompt.tokens.firsts.length - 2);
const textOf = (prompt, group) => prompt.text.slice(prompt.tokens.starts[group], prompt.tokens.starts[group + 1]);
const idsOf = (prompt, group) => prompt.ids.slice(prompt.tokens.firsts[group], prompt.tokens.firsts[group + 1]);
const segmentAt = (prompt, place) => prompt.segments[lastAtMost(prompt.segments, place, (one) => one.start)];

/** The bytes of each token of a group, in hexadecimal. */
function hexOf(prompt, group) {
  const bytes = bytesOf(textOf(prompt, group));
  let at = 0;
  return prompt.lengths.slice(prompt.tokens.firsts[group], prompt.tokens.firsts[group + 1]).map((length) => {
    at += length;
    return [...bytes.subarray(at - length, at)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  });
}

/** Places count characters in Python and UTF-16 units here. */
function characterAt(text, place) {
  let wide = 0;
  for (let at = 0; at < place; at += 1) wide += (text.charCodeAt(at) & 0xfc00) === 0xdc00 ? 1 : 0;
  return place - wide;
}

/* ---- Drawing ---- */

const COLOURS = 5; // of tokens, in turn
const BLOCK = 1500; // units of a block, and on to the end of the line
const LONGEST_BLOCK = 4000;
const drawers = new WeakMap(); // of blocks
const nearWindow = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) if (isIntersecting) drawers.get(target)?.();
}, { rootMargin: "800px" });

/** Where to cut a part of a text into blocks: behind a newline, or within a long line at the border of a token. */
function blockEnds(prompt, start, end) {
  const ends = [];
  for (let at = start; at < end; at = ends.at(-1)) {
    const newline = prompt.text.indexOf("\n", Math.min(at + BLOCK, end) - 1) + 1 || end;
    let stop = Math.min(newline, end);
    if (stop - at > LONGEST_BLOCK) {
      stop = at + LONGEST_BLOCK;
      if (prompt.tokens) stop = Math.max(prompt.tokens.starts[groupAt(prompt, stop)], at + 1);
      if ((prompt.text.charCodeAt(stop) & 0xfc00) === 0xdc00) stop += 1;
    }
    ends.push(stop);
  }
  return ends;
}

/** A block: `draw()` draws it anew, `need()` if it was not; `groups` has the spans of its tokens, `nodes` its texts. */
function makeBlock(prompt, start, end, settings, isLast = true) {
  const block = { start, end, first: 0, groups: [], nodes: [], isDrawn: false };
  const text = prompt.text.slice(start, end);
  const isCut = !isLast && !text.endsWith("\n");
  block.element = el("div", { class: isCut ? "block cut" : "block" });
  const lines = text.split("\n").reduce((sum, line) => sum + 1 + Math.floor(line.length / 100), 0);
  block.element.style.containIntrinsicBlockSize = `auto ${1.5 * lines}rem`; // about what it takes, until it is laid out
  block.draw = () => {
    const all = document.createDocumentFragment();
    [block.isDrawn, block.groups, block.nodes] = [true, [], []];
    if (prompt.tokens) drawTokens(prompt, block, all, settings);
    else drawPieces(prompt, start, end, all, block.nodes, settings);
    block.element.replaceChildren(all);
    nearWindow.unobserve(block.element);
    block.ondraw?.();
  };
  block.need = () => { if (!block.isDrawn) block.draw(); };
  drawers.set(block.element, block.need);
  showText(block.element, text, start, false, block.nodes);
  nearWindow.observe(block.element);
  return block;
}

function drawTokens(prompt, block, parent, settings) {
  const { starts, firsts } = prompt.tokens;
  block.first = groupAt(prompt, block.start);
  for (let group = block.first; group < starts.length - 1 && starts[group] < block.end; group += 1) {
    const span = document.createElement("span");
    const from = Math.max(starts[group], block.start);
    const to = Math.min(starts[group + 1], block.end);
    const piece = prompt.pieces[lastAtMost(prompt.pieces, from, (one) => one.start)];
    const isWhole = piece?.end >= to && piece.look !== "forged"; // then it needs no element besides that of the token
    span.className = `token c${group % COLOURS}${isWhole && piece.look ? ` ${piece.look}` : ""}`;
    span.group = group;
    const draw = (at, end) => (isWhole
      ? showText(span, prompt.text.slice(at, end), at, settings.whitespace, block.nodes)
      : drawPieces(prompt, at, end, span, block.nodes, settings));
    if (settings.ids) {
      let end = to; // of what stands before its last newlines: ids belong into the line that it ends
      while (end > from && prompt.text[end - 1] === "\n") end -= 1;
      draw(from, end);
      span.append(el("span", { class: "id", "data-ids": prompt.ids.slice(firsts[group], firsts[group + 1]).join("+") }));
      draw(end, to);
    } else draw(from, to);
    block.groups.push(span);
    parent.appendChild(span);
  }
}

/** Draw a part of the text piece by piece: the frame, content, and what in content spells a special token. */
function drawPieces(prompt, start, end, parent, nodes, settings) {
  let index = lastAtMost(prompt.pieces, start, (one) => one.start);
  for (; index < prompt.pieces.length && prompt.pieces[index].start < end; index += 1) {
    const piece = prompt.pieces[index];
    const from = Math.max(start, piece.start);
    const to = Math.min(end, piece.end);
    let node = parent;
    if (piece.look === "forged") {
      node = el("mark", { class: "forged" });
      if (from === piece.start) node.append(el("span", { class: "flag" }, "text, no marker"));
    } else if (piece.look) node = el("span", { class: piece.look });
    showText(node, prompt.text.slice(from, to), from, settings.whitespace, nodes);
    if (node !== parent) parent.append(node);
  }
}

/** A range of the page for a part of a block's text. */
function rangeOf(block, start, end) {
  const range = new Range();
  const spot = (place) => {
    const node = block.nodes[Math.max(lastAtMost(block.nodes, place, (one) => one.place), 0)];
    return [node, node.stands ? (place > node.place ? node.length : 0) : Math.min(place - node.place, node.length)];
  };
  range.setStart(...spot(Math.max(start, block.start)));
  const last = Math.min(end, block.end) - 1;
  const [node, offset] = spot(last);
  range.setEnd(node, node.stands ? node.length : Math.min(offset + 1, node.length));
  return range;
}
