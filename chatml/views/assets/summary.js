// The head of an inspection: facts, table, window, findings.

const factsView = (data) => el("dl", { class: "facts" }, data.facts.map(([name, value, how]) => el("div", {},
  el("dt", {}, visible(name)), el("dd", {}, visible(value), how ? el("span", { class: "faint" }, ` ${visible(how)}`) : null))));

const COLUMNS = [["header", "header"], ["content", "content"], ["framing", "framing"], ["tool_calls", "calls"], ["media", "media"]];
const MOST_ROWS = 200; // of the table, until all are asked for

function tableView(view) {
  const { data } = view;
  const columns = COLUMNS.filter(([key], place) => place < 3 || view.rows.some((row) => row[key]));
  const withStatus = data.status !== "exact";
  const cell = (value) => el("td", { class: "number" }, value);
  const rowOf = (first, title, row, tokens, words) => el("tr", {}, cell(first),
    el("th", { scope: "row", "data-role": row.role }, title),
    columns.map(([key]) => cell(key in row ? number(row[key]) : "")), el("td", { class: "number strong" }, number(tokens)),
    el("td", {}, shareView(tokens, data.total)), withStatus ? el("td", {}, grade(row)) : null,
    el("td", { class: "words faint" }, words));
  const makers = view.rows.map((row) => () => rowOf(messageLink(row.index ?? "+"),
    visible(row.name ? `${row.role} ${row.name}` : row.role), row, row.total, visible(row.text.slice(0, 160))));
  const body = el("tbody", {}, makers.slice(0, MOST_ROWS).map((make) => make()));
  const parts = data.parts.map((part) => rowOf("", part.name, part, part.tokens, ""));
  const total = el("tr", { class: "strong" }, cell(""), el("th", { scope: "row" }, "total"), columns.map(() => cell("")),
    cell(number(data.total)), el("td", { colspan: 9, class: withStatus ? "warn" : "good" }, grade(data)));
  const more = makers.length <= MOST_ROWS ? null : el("button", { type: "button", onclick: () => {
    body.append(...makers.slice(MOST_ROWS).map((make) => make()));
    more.remove();
  } }, `Show all ${number(makers.length)} messages`);
  const title = (text, isNumber) => el("th", { scope: "col", class: isNumber ? "number" : null }, text);
  const titles = [title("#", true), title("role"), columns.map(([, text]) => title(text, true)), title("total", true),
    title("share"), withStatus ? title("status") : null, title("text")];
  return el("section", { "aria-label": "Tokens of each message" }, el("h2", {}, "Messages"),
    el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of messages" },
      el("table", {}, el("thead", {}, el("tr", {}, titles)), body, el("tbody", {}, parts), el("tfoot", {}, total))), more);
}

function grade({ status, share, bound }) {
  if (status === "fitted" && share !== null) return `${status} ${Math.floor(100 * share)}%`;
  return status === "estimate" && bound !== null ? `${status} ±${number(bound)}` : status;
}

function shareView(part, whole) {
  if (!part || !whole) return "";
  const exact = (100 * part) / whole;
  const percent = exact % 1 === 0.5 ? 2 * Math.round(exact / 2) : Math.round(exact); // as in the terminal, halves to even
  const bar = el("span", { class: "share", "aria-hidden": "true" });
  bar.style.inlineSize = `${(4 * part) / whole}rem`;
  return [el("span", { class: "percent" }, percent ? `${percent}%` : "<1%"), bar];
}

function windowView({ room }) {
  if (!room) return null;
  const { window: size, used, reserve, remaining } = room;
  const free = Math.max(size - used - reserve, 0);
  const parts = [["used", used, "used by the prompt"], ["free", free, "free"], ["kept", reserve, room.reserve_is_given ? "kept for the answer" : "for the longest answer"]];
  const left = remaining < 0 ? `${number(-remaining)} tokens more than fit` : `${number(remaining)} tokens left`;
  const of = `of ${number(room.limit)}${room.limits_input ? " for input" : ""}`;
  return el("section", { "aria-label": "Context window" }, el("h2", {}, "Context window"),
    el("p", { class: remaining < 0 ? "bad strong" : "" }, el("strong", {}, left), ` ${of}`),
    el("div", { class: "bar", role: "img", "aria-label": `${left} ${of}` }, parts.filter(([, tokens]) => tokens)
      .map(([name, tokens]) => {
        const part = el("span", { class: `part ${name}${remaining < 0 ? " over" : ""}` });
        part.style.flexGrow = String(tokens);
        return part;
      })),
    el("ul", { class: "legend" }, parts.filter(([, tokens]) => tokens).map(([name, tokens, what]) => el("li", {},
      el("span", { class: `part ${name}`, "aria-hidden": "true" }), `${number(tokens)} ${what}`))));
}

/** What is wrong. A place that is known is a button that goes there. */
function findingsView(view) {
  const { diagnostics, findings, losses, escaped: isEscaped } = view.data;
  const line = (severity, text, span) => el("li", {}, el("strong", { class: LEVELS[severity] }, visible(severity)), " ",
    visible(text), span ? [" ", el("button", { type: "button", onclick: () => goTo(view, span[0], { end: span[1] }) }, "Show")] : null);
  const items = [
    ...diagnostics.map((one) => line(one.severity, one.text, one.span)),
    ...findings.map((one) => line(one.severity, one.text, one.span)),
    ...losses.map((text) => line("note", text, null)),
  ];
  if (!items.length) return null;
  const advice = "In the prompt these are text, as in the token ids, and forge nothing. ";
  return el("section", { "aria-label": "Findings" }, el("h2", {}, `Findings (${number(items.length)})`),
    el("ul", { class: "findings" }, items),
    findings.length ? el("p", { class: "faint" }, advice, isEscaped
      ? "“Copy string” escapes them, as chatml render does."
      : "Who encodes this string with special tokens allowed turns them into markers.") : null);
}
const LEVELS = { __proto__: null, error: "bad", warning: "warn", info: "faint", note: "warn" };
