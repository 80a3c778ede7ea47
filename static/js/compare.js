/** A neighbour large beside the query, and mending its label there. */

import { element, icon, swatch } from "./dom.js";
import { chooseLabel } from "./label-picker.js";

/**
 * @param {object} what
 * @param {string} what.base address of the project
 * @param {{image: string, name: string}} what.query
 * @param {HTMLElement[]} what.hits buttons of the row's strip; empty shows the query alone
 * @param {number} [what.at] which of them first
 * @param {() => object[]} what.labels
 * @param {((image: number, choice: object, wrong: number|null) => Promise<void>)|null} what.correct
 * @param {string} [what.correctText] what the button says
 * @param {string} [what.title] what the dialog says above two pictures
 * @param {string} [what.queryText] what stands below the query
 * @param {() => HTMLElement[]} what.again the buttons as they are after a correction
 */
export function compare({ base, query, hits, at = 0, labels, correct, again, correctText = "Wrong label", title = "Beside a similar image", queryText = "Query" }) {
  const pictures = element("div", { class: `pictures${hits.length ? "" : " one"}` });
  const heading = element("h2", {}, hits.length ? title : query.name);
  const shut = element("button", { class: "button quiet icon-only", type: "button", "aria-label": "Close" }, icon("close"));
  const place = element("span", { class: "muted number grow" });
  const previous = element("button", { class: "button", type: "button" }, icon("left"), "Previous");
  const next = element("button", { class: "button", type: "button" }, "Next", icon("right"));
  const dialog = element("dialog", { class: "compare", "aria-label": "Image large" },
    element("div", { class: "dialog-head" }, heading, shut),
    element("div", { class: "dialog-body" }, pictures),
    hits.length > 0 && element("div", { class: "dialog-foot" }, place, previous, next));
  let shown = hits;

  const draw = () => {
    const hit = shown[at];
    pictures.replaceChildren(figure(base, query, element("strong", {}, queryText)), ...(hit ? [hitFigure(hit)] : []));
    place.textContent = hit ? `${at + 1} of ${shown.length}` : "";
    previous.disabled = at === 0;
    next.disabled = at >= shown.length - 1;
  };
  const step = (by) => {
    const to = at + by;
    if (to < 0 || to >= shown.length) return;
    at = to;
    draw();
  };
  const hitFigure = (hit) => {
    const carried = hit.dataset.labels ? hit.dataset.labels.split(",").map(Number) : [];
    const known = new Map(labels().map((label) => [label.id, label]));
    const wrong = element("button", { class: "button small", type: "button", "data-wrong": true }, icon("edit"), correctText);
    wrong.addEventListener("click", () => mend(hit, carried, wrong));
    wrong.hidden = !correct;
    return figure(base, { image: hit.dataset.image, name: hit.dataset.name },
      ...carried.map((id) => known.get(id)).filter(Boolean).map((label) =>
        element("span", { class: "chip" }, swatch(label.color), element("span", {}, label.name))),
      element("strong", { class: "number" }, `${hit.dataset.percent} % similar`), wrong);
  };
  const mend = async (hit, carried, button) => {
    const choice = await chooseLabel(button, labels(), { title: carried.length ? "What is the right label?" : "Find or add a label" });
    if (!choice) return;
    const image = hit.dataset.image;
    await correct(Number(image), choice, carried.length === 1 ? carried[0] : null);
    shown = again();
    const same = shown.findIndex((each) => each.dataset.image === image);
    at = Math.max(0, same >= 0 ? same : Math.min(at, shown.length - 1));
    draw();
    dialog.querySelector("[data-wrong]")?.focus();
  };

  shut.addEventListener("click", () => dialog.close());
  previous.addEventListener("click", () => step(-1));
  next.addEventListener("click", () => step(1));
  dialog.addEventListener("keydown", (event) => {
    if (event.target.closest(".label-picker")) return;
    if (event.key === "ArrowLeft") step(-1);
    else if (event.key === "ArrowRight") step(1);
    else if (event.key.toLowerCase() === "w") dialog.querySelector("[data-wrong]")?.click();
    else return;
    event.preventDefault();
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => dialog.remove());
  draw();
  document.body.append(dialog);
  dialog.showModal();
  (dialog.querySelector("[data-wrong]") ?? shut).focus();
  return dialog;
}

function figure(base, { image, name }, ...caption) {
  const picture = element("img", { src: `${base}images/${image}/large`, alt: name });
  return element("figure", {}, picture, element("figcaption", {}, ...caption, element("span", { class: "name" }, name)));
}
