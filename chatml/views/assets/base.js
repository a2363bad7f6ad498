"use strict";
// What all pages share: elements are made here, and their text is only ever set as text.

/** Make an element: `props` are attributes, `on...` listeners; children are nodes, texts, or lists of them. */
function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return node;
}

const number = (value) => value.toLocaleString("en-US");

/** The data that the page was made with. */
const embedded = () => JSON.parse(document.getElementById("data").textContent);

/** A place at which screen readers hear what happened. */
const announcer = el("p", { class: "hidden", role: "status", "aria-live": "polite" });
document.body.append(announcer);
const announce = (text) => { announcer.textContent = text; };

/** A button that copies what `text` gives, and says whether it did. */
function copyButton(label, text) {
  const button = el("button", { type: "button", class: "copy", onclick: async () => {
    const copied = text();
    const isDone = await navigator.clipboard?.writeText(copied).then(() => true, () => false) || copyTheOldWay(copied);
    announce(isDone ? `${label}: copied` : `${label}: the browser does not allow it`);
    button.classList.toggle("done", isDone);
    setTimeout(() => button.classList.remove("done"), 2000);
  } }, label);
  return button;
}

/** Pages opened from a disk may have no clipboard of the new kind. Returns whether the text was copied. */
function copyTheOldWay(text) {
  const focused = document.activeElement;
  const area = el("textarea", { class: "hidden", "aria-hidden": "true" }, "x"); // some copy only what is selected
  let isDone = false;
  area.addEventListener("copy", (event) => { // the text of a field would lose its carriage returns
    event.clipboardData.setData("text/plain", text);
    event.preventDefault();
    isDone = true;
  });
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
  focused?.focus();
  return isDone;
}

/** A button that changes between light and dark. */
function themeButton() {
  const root = document.documentElement;
  const isDark = () => (root.dataset.theme
    ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
  return el("button", { type: "button", onclick: () => { root.dataset.theme = isDark() ? "light" : "dark"; } },
    "Light or dark");
}
