/** What the thresholds of the labels are, and what they were chosen from: a list behind a summary. */

import { count, element, swatch } from "./dom.js";

const ASSUMED = "Nobody has said yet which labels these images do not carry, so what they do not carry counts as absent. " +
  "Adding this batch to the dataset says it for its images; “Mark the rest as absent” in the grid, for others.";
const DECIDED = "Somebody said of each of these images which labels it carries and which it does not.";

/** @returns {(chosen: object | null, labels: object[]) => void} draws the list, or hides it without thresholds */
export function thresholdList() {
  const details = document.querySelector("[data-thresholds]");
  if (!details) return () => {};
  const close = () => { details.open = false; };
  details.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !details.open) return;
    close();
    details.querySelector("summary").focus();
    event.stopPropagation();
  });
  document.addEventListener("pointerdown", ({ target }) => { if (!details.contains(target)) close(); });
  return (chosen, labels) => {
    details.hidden = !chosen;
    if (!chosen) return close();
    const known = new Map(labels.map((label) => [label.id, label]));
    details.querySelector("[data-thresholds-from]").textContent = `from ${count(chosen.images, "image")}`;
    details.querySelector("[data-thresholds-note]").textContent = `From ${count(chosen.images, "labeled image")}. ${chosen.assumed ? ASSUMED : DECIDED}`;
    const rows = chosen.labels.filter((each) => known.has(each.label_id)).map((each) => row(known.get(each.label_id), each));
    return details.querySelector("[data-thresholds-rows]").replaceChildren(...rows);
  };
}

function row(label, { percent, examples }) {
  return element("tr", {},
    element("th", { scope: "row" }, element("span", { class: "of" }, swatch(label.color), element("span", { class: "truncate" }, label.name))),
    element("td", {}, `${percent.toFixed(1)} %`),
    element("td", {}, examples.toLocaleString("en")));
}
