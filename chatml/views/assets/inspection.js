// The page of `chatml inspect --html`.
const inspection = embedded();
document.body.append(el("main", {}, el("h1", {}, inspection.file), themeButton(), promptView(inspection)));
