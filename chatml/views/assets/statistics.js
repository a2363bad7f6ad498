// The page of `chatml stats --html`: charts drawn from figures. The data has names of files and lines, but no content.
const stats = embedded();
const ROW = 24, AXIS = 22, GAP = 8;  // pixels

const many = (count, what) => `${number(count)} ${what}${count === 1 ? "" : "s"}`;
const range = (low, high) => (low === high ? number(low) : `${number(low)}-${number(high)}`);
const place = (one) => `${one.file}:${one.line}`;

/** A share of a whole; nothing but 0 is 0%, and nothing but everything is 100%. */
function share(part, whole) {
  if (!part || !whole) return "0%";
  return part === whole ? "100%" : `${Math.min(Math.max(100 * part / whole, 0.1), 99.9).toFixed(1)}%`;
}

/** A short form of a large number, for axes. */
function short(value) {
  for (const [size, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]])
    if (value >= size) return `${Number((value / size).toPrecision(3))}${letter}`;
  return String(Number(value.toPrecision(3)));
}

/** An element of a drawing. */
function shape(tag, props = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(props)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

// Tables

/** A table; each column is `[title, cell of a row, is a number]`, the first one names the row. */
function tableOf(caption, columns, rows) {
  const head = columns.map(([title, , isNumber]) => el("th", { scope: "col", class: isNumber ? "number" : null }, title));
  const cells = (row) => columns.map(([, cell, isNumber], index) => el(index ? "td" : "th",
    { scope: index ? null : "row", class: isNumber ? "number" : null }, cell(row)));
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    el("table", {}, el("caption", { class: "hidden" }, caption), el("thead", {}, el("tr", {}, head)),
      el("tbody", {}, rows.map((row) => el("tr", {}, cells(row))))));
}

const figure = (title, read) => [title, (row) => { const value = read(row); return value === null ? "" : number(value); }, true];
const percent = (one) => figure(`p${one}`, (row) => row.percentiles[one]);
const SPREAD = [
  figure("count", (row) => row.count), figure("total", (row) => row.sum),
  ["mean", (row) => row.mean.toLocaleString("en-US", { maximumFractionDigits: 1 }), true],
  figure("min", (row) => row.min), ...[25, 50, 75, 90, 99].map(percent), figure("max", (row) => row.max),
];

// Charts. One is one stop of the keyboard; the arrow keys walk through what it shows.

/** A scale from 0 to `most` onto pixels; where a few values are far from the others it grows slower and slower. */
function scaleFor(most, middle, from, to) {
  const isLog = most > 20 * Math.max(middle, 1);
  const place = (value) => (isLog ? Math.log1p(value) / Math.log1p(most || 1) : value / (most || 1));
  const at = (value) => from + (to - from) * Math.min(place(value), 1);
  const ticks = [];
  if (isLog) for (let tick = 1; tick <= most; tick *= 10) ticks.push(tick);
  else {
    const step = [1, 2, 5, 10].map((nice) => nice * 10 ** Math.floor(Math.log10(Math.max(most, 1) / 4)))
      .find((nice) => most / nice <= 5) || most || 1;
    for (let tick = 0; tick <= most; tick += Math.max(step, 1)) ticks.push(tick);
  }
  return { at, ticks: ticks.filter((tick, index) => !index || at(tick) - at(ticks[0]) >= 36 * index || !isLog), isLog };
}

/** A chart: `draw(svg, width)` returns for each item its area `[x, y, width, height]`, `say(item)` tells its values. */
function chart({ title, note, items, height, draw, say, table, keys = ["ArrowUp", "ArrowDown"] }) {
  const heading = `chart-${title.replaceAll(" ", "-")}`;
  const readout = el("p", { class: "readout faint", "aria-live": "polite" },
    "Point at the chart, or walk through it with the arrow keys.");
  const box = el("div", { class: "chart", tabindex: 0, role: "group", "aria-roledescription": "chart",
    "aria-labelledby": heading, "aria-keyshortcuts": `${keys.join(" ")} Home End` });
  let current = -1, areas = [], marks = [];
  const show = (index) => {
    if (index === current || !items[index]) return;
    marks[current]?.classList.remove("current");
    current = index;
    marks[current]?.classList.add("current");
    readout.classList.remove("faint");
    readout.textContent = say(items[index]);
  };
  const redraw = () => {
    const width = box.clientWidth;
    if (!width) return;
    const svg = shape("svg", { height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
    const drawing = shape("g");
    areas = draw(drawing, width);
    marks = areas.map(([x, y, wide, high]) => shape("rect", { x, y, width: wide, height: high, class: "hit" }));
    marks[current]?.classList.add("current");
    svg.append(...marks, drawing);
    box.replaceChildren(svg);
  };
  box.addEventListener("pointermove", (event) => {
    const { left, top } = box.getBoundingClientRect();
    const [x, y] = [event.clientX - left, event.clientY - top];
    show(areas.findIndex(([ax, ay, wide, high]) => x >= ax && x < ax + wide && y >= ay && y < ay + high));
  });
  box.addEventListener("focus", () => { if (current < 0) show(0); });
  box.addEventListener("keydown", (event) => {
    const last = items.length - 1;
    const next = { [keys[0]]: Math.max(current - 1, 0), [keys[1]]: Math.min(current + 1, last), Home: 0, End: last }[event.key];
    if (next === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    show(next);
  });
  new ResizeObserver(redraw).observe(box);
  return el("section", {}, el("h2", { id: heading }, title), el("p", { class: "note" }, note), box, readout,
    el("details", {}, el("summary", {}, "The same as a table"), table));
}

/** A line and a number for each tick below rows. */
function axis(drawing, scale, top, bottom) {
  for (const tick of scale.ticks) {
    const x = scale.at(tick);
    drawing.append(shape("line", { x1: x, x2: x, y1: top, y2: bottom, class: "grid" }),
      shape("text", { x, y: bottom + 16, class: "middle" }, short(tick)));
  }
}

/** A chart with a row for each item: `bars(drawing, item, scale, y)` draws one. */
function rows({ items, label, most, middle, bars, ...rest }) {
  const height = items.length * ROW + AXIS;
  const longest = Math.max(...items.map((item) => label(item).length));
  return chart({ ...rest, items, height, draw: (drawing, width) => {
    const left = Math.min(longest * 7.5 + GAP, width / 2);
    const scale = scaleFor(most, middle, left, width - 18);
    axis(drawing, scale, 0, height - AXIS);
    return items.map((item, index) => {
      drawing.append(shape("text", { x: left - GAP, y: index * ROW + 17, class: "label" }, label(item)));
      bars(drawing, item, scale, index * ROW);
      return [0, index * ROW, width, ROW];
    });
  } });
}

function histogram(title, note, spread, what, limit) {
  const isOver = (item) => limit !== null && item.from > limit;
  const text = (item) => range(item.from, item.to);
  return rows({
    title, note, items: spread.buckets, label: text, most: Math.max(...spread.buckets.map((one) => one.count)), middle: Infinity,
    bars: (drawing, item, scale, y) => {
      const width = item.count ? Math.max(scale.at(item.count) - scale.at(0), 1) : 0;
      drawing.append(shape("rect", { x: scale.at(0), y: y + 4, width, height: ROW - 8, class: isOver(item) ? "over" : "bar" }));
    },
    say: (item) => `${text(item)} ${what}: ${many(item.count, "conversation")}, ${share(item.count, spread.count)}`
      + (isOver(item) ? `, over the limit of ${number(limit)}` : ""),
    table: tableOf(title, [[what, text, true], figure("conversations", (item) => item.count),
      ["share", (item) => share(item.count, spread.count), true]], spread.buckets),
  });
}

/** Boxes from p25 to p75 with the median in them, on lines from p1 to p99. */
function boxes(title, note, items, name, what) {
  const medians = items.map((item) => item.percentiles[50]).sort((a, b) => a - b);
  return rows({
    title, note, items, label: name, most: Math.max(...items.map((item) => item.percentiles[99])),
    middle: medians[medians.length >> 1],
    bars: (drawing, { percentiles }, scale, y) => {
      const [low, first, middle, third, high] = [1, 25, 50, 75, 99].map((one) => scale.at(percentiles[one]));
      const center = y + ROW / 2;
      drawing.append(shape("line", { x1: low, x2: high, y1: center, y2: center, class: "whisker" }),
        shape("rect", { x: first, y: y + 5, width: Math.max(third - first, 3), height: ROW - 10, class: "bar" }));
      if (third - first > 8)
        drawing.append(shape("line", { x1: middle, x2: middle, y1: y + 5, y2: y + ROW - 5, class: "median" }));
    },
    say: (item) => `${what} ${name(item)}: ${many(item.count, "message")}; ` + [1, 25, 50, 75, 99]
      .map((one) => `p${one} ${number(item.percentiles[one])}`).join(", ") + `, most ${number(item.max)}`,
    table: tableOf(title, [[what, name], ...SPREAD], items),
  });
}

/** For each length the share of conversations that are longer. */
function curve() {
  const limits = [...stats.counted_as.filter((one) => one.limit !== null).map((one) => [one.limit, one.model]),
    ...(stats.max_tokens ? [[stats.max_tokens.limit, "--max-tokens"]] : [])];
  const most = stats.tokens.max, height = 240 + AXIS, left = 44, top = 18;
  const table = stats.curve.filter((_, index) => index % Math.ceil(stats.curve.length / 40) === 0
    || index === stats.curve.length - 1);
  return chart({
    title: "Longer than", note: "How many conversations are over a limit, for every limit.", items: stats.curve, height,
    keys: ["ArrowLeft", "ArrowRight"],
    draw: (drawing, width) => {
      const scale = scaleFor(most, stats.tokens.percentiles[50], left, width - 18);
      const y = (count) => top + (height - AXIS - top) * (1 - count / stats.conversations);
      axis(drawing, scale, top, height - AXIS);
      for (const part of [0, 0.25, 0.5, 0.75, 1]) {
        const at = y(part * stats.conversations);
        drawing.append(shape("line", { x1: left, x2: width - 18, y1: at, y2: at, class: "grid" }),
          shape("text", { x: left - GAP, y: at + 4, class: "end" }, `${100 * part}%`));
      }
      let path = `M${left} ${y(stats.conversations)}`;
      for (const [value, over] of stats.curve) path += `H${scale.at(value)}V${y(over)}`;
      drawing.append(shape("path", { d: path, class: "curve" }));
      for (const [limit, whose] of limits.filter(([limit]) => limit <= most)) {
        const x = scale.at(limit);
        drawing.append(shape("line", { x1: x, x2: x, y1: top, y2: height - AXIS, class: "limit" }),
          shape("text", { x, y: top - 6, class: `limit-name ${x > width / 2 ? "end" : ""}` }, `${number(limit)} ${whose}`));
      }
      return stats.curve.map(([value], index) => {
        const from = index ? scale.at(stats.curve[index - 1][0]) : left;
        return [from, 0, Math.max(scale.at(value) - from, 0.5), height - AXIS];
      });
    },
    say: ([value, over]) => `${share(over, stats.conversations)} of all, ${many(over, "conversation")}: `
      + `more than ${many(value, "token")}`,
    table: tableOf("Longer than", [figure("tokens", (item) => item[0]), figure("conversations over", (item) => item[1]),
      ["share", (item) => share(item[1], stats.conversations), true]], table),
  });
}

// The page

function facts() {
  const { training, duplicates, same_opening: openings, errors, max_tokens: limit } = stats;
  const found = [
    ["Tokens", `${number(stats.total)}, ${stats.status}`],
    ...stats.counted_as.map((one) => ["Counted as", [one.model, one.dialect, one.encoding].filter(Boolean).join(", ")
      + ` (${many(one.conversations, "conversation")})`]),
    ["Training", `${many(training.tokens, "token")} of assistant messages, ${share(training.tokens, stats.total)} of all; `
      + `${many(training.without, "conversation")} without any`],
    ["No message", `${many(stats.outside, "token")} of reply priming, tools and what else is added, `
      + share(stats.outside, stats.total)],
    ...stats.counted_as.filter((one) => one.limit !== null).map((one) => ["Over a limit",
      `${number(one.over)} (${share(one.over, one.conversations)}) over the ${number(one.limit)} of ${one.model}`]),
    ...(limit ? [["Over a limit", `${number(limit.over)} (${share(limit.over, stats.conversations)}) over the `
      + `${number(limit.limit)} of --max-tokens, with ${many(limit.excess, "token")} beyond it`]] : []),
    ...("cost" in stats ? [["Cost", stats.cost === null ? "not known" : `$${stats.cost} as input`]] : []),
    ["Duplicates", `${many(duplicates.conversations, "conversation")} (${share(duplicates.conversations, stats.conversations)}) `
      + `like one before, ${many(duplicates.tokens, "token")}`],
    ["Same opening", `${number(openings.conversations)} more begin with the same user message as one before`],
    ...(errors.count ? [["Not counted", Object.entries(errors.kinds).map(([kind, count]) => `${number(count)} ${kind}`).join(", ")]]
      : []),
  ];
  return el("dl", { class: "facts" }, found.map(([title, text]) => [el("dt", {}, title), el("dd", {}, text)]));
}

function lists() {
  const grouped = (title, found) => found.largest.length && el("section", {}, el("h2", {}, title), tableOf(title,
    [figure("times", (row) => row.size), ["first places", (row) => row.places.map(place).join(", ")]], found.largest));
  const placed = (title, columns, found) => found.length && el("section", {}, el("h2", {}, title), tableOf(title, columns, found));
  return [
    placed("Longest conversations", [figure("tokens", (row) => row.tokens), ["place", place]], stats.longest),
    grouped("Duplicates", stats.duplicates), grouped("Same first user message", stats.same_opening),
    placed("Not counted", [["place", place], ["why", (row) => row.kind]], stats.errors.first),
    stats.files.length > 1 && placed("Files", [["file", (row) => row.file], figure("tokens", (row) => row.total),
      figure("conversations", (row) => row.conversations), figure("bad", (row) => row.errors)], stats.files),
    stats.more_files ? el("p", { class: "note" }, `and ${many(stats.more_files, "more file")}`) : null,
  ].filter(Boolean);
}

const summary = [{ name: "conversations", ...stats.tokens }, ...stats.roles.map((one) => ({ name: `${one.role} messages`, ...one }))];
document.body.append(el("main", {},
  el("div", { class: "top" }, el("h1", {}, `${many(stats.conversations, "conversation")} in ${stats.title}`), themeButton()),
  el("p", { class: "note" }, "File names, line numbers and figures: nothing of what the conversations say is on this page."),
  facts(),
  stats.conversations ? [
    tableOf("Tokens", [["tokens of", (row) => row.name], ...SPREAD], summary),
    el("div", { class: "charts" },
      histogram("Tokens per conversation", "How many conversations have so many tokens.", stats.tokens, "tokens",
        stats.max_tokens ? stats.max_tokens.limit : null),
      curve(),
      histogram("Messages per conversation", "How many conversations have so many messages.", stats.turns, "messages", null),
      stats.roles.length ? boxes("Tokens by role", "Of a message: boxes from p25 to p75 around p50, lines from p1 to p99.",
        stats.roles, (one) => one.role, "role") : null,
      stats.by_turn.length ? boxes("Tokens by place", "Of a message, by its place in the conversation: boxes and lines as for roles.",
        stats.by_turn, (one) => range(one.first, one.last), "message") : null),
  ] : el("p", {}, "No conversation could be counted."),
  el("div", { class: "charts" }, lists())));
