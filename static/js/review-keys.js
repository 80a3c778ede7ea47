/** Which key gives which label: shown where nothing is suggested and all is labeled by hand. */

import { element, swatch } from "./dom.js";

const list = document.querySelector("[data-label-keys]");

export function drawLabelKeys(labels) {
  if (!list) return;
  const withKey = labels.filter((label) => label.key).sort((a, b) => a.key.localeCompare(b.key));
  const others = labels.length - withKey.length;
  list.replaceChildren(
    ...withKey.map((label) => element("li", {}, element("kbd", {}, label.key), swatch(label.color), element("span", { class: "truncate" }, label.name))),
    others > 0 || !labels.length ? element("li", {}, element("kbd", {}, "L"), element("span", {}, labels.length ? `${others} more` : "type the first label")) : "",
  );
}
