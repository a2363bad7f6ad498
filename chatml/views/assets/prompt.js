// A prompt: its text, cut into tokens.
function promptView(data) {
  return el("div", { class: "wire" }, data.segments.map((segment) => segment.text));
}
