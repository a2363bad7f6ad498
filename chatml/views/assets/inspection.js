// The page of `chatml inspect --html`.
const inspection = embedded();
document.body.append(
  el("header", {}, el("h1", {}, visible(inspection.file)), themeButton()),
  el("main", {}, inspectionView(inspection)),
  el("footer", { class: "faint" }, "Made by chatml. This page holds the whole prompt and asks no network."),
);
followHash();
