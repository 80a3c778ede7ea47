/** One photo large, beside the labeled photos that speak for its suggested label and for the runner-up. */

import { element, icon } from "./dom.js";
import { get } from "./http.js";
import { toastError } from "./toast.js";

/**
 * @param {{sheet: object, base: string, method: () => string}} parts
 * @returns {(tile: HTMLElement) => void} opens it
 */
export function largeView({ sheet, base, method }) {
  return (tile) => {
    const image = element("img", { alt: "" });
    const name = element("figcaption");
    const state = element("p", { class: "state", role: "status" });
    const facts = element("div", { "aria-live": "polite" });
    const previous = element("button", { class: "button", type: "button" }, icon("left"), "Previous");
    const next = element("button", { class: "button", type: "button" }, "Next", icon("right"));
    const shut = element("button", { class: "button quiet icon-only", type: "button", "aria-label": "Close", title: "Close (Esc)" }, icon("close"));
    const dialog = element("dialog", { class: "beside", "data-keys": true, "aria-label": "Photo and evidence" },
      element("div", { class: "dialog-head" }, element("h2", {}, "What speaks for it"), shut),
      element("div", { class: "dialog-body" }, element("figure", { class: "picture" }, image, name), element("div", {}, state, facts)),
      element("div", { class: "dialog-foot" }, previous, next));
    let shown = null;

    async function show(wanted) {
      shown = wanted;
      sheet.makeCurrent(wanted);
      wanted.scrollIntoView({ block: "nearest" });
      const { id } = wanted.dataset;
      image.src = `${base}images/${id}/large`;
      image.alt = name.textContent = wanted.dataset.name;
      const all = sheet.tiles;
      previous.disabled = wanted === all[0];
      next.disabled = wanted === all.at(-1);
      draw();
      try {
        const html = await get(`${base}by-label/evidence/${id}?method=${method()}`);
        if (shown?.dataset.id !== id) return;
        const made = document.createElement("template");
        made.innerHTML = html;  // drawn and escaped by our own server
        facts.replaceChildren(made.content);
      } catch (problem) {
        toastError(problem);
      }
    }
    const step = (by) => {
      const all = sheet.tiles;
      const to = all[all.indexOf(shown) + by];
      if (to) show(to);
    };
    /** The dialog follows what keys do to its photo, and closes when it was decided. */
    function draw() {
      if (!sheet.tile(Number(shown.dataset.id))) return dialog.close();
      const given = sheet.givenTo(shown);
      state.textContent = given ? `Will be ${given.name}` : sheet.isMarked(shown) ? "Marked as wrong" : "";
      return undefined;
    }

    previous.addEventListener("click", () => step(-1));
    next.addEventListener("click", () => step(1));
    shut.addEventListener("click", () => dialog.close());
    sheet.addEventListener("change", draw);
    dialog.addEventListener("keydown", (event) => {
      if (event.target.closest(".label-picker")) return;
      if (event.key === "ArrowLeft") step(-1);
      else if (event.key === "ArrowRight") step(1);
      else if (event.key === " " && event.target === shut) sheet.toggle(shown);
      else return;
      event.preventDefault();
    });
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    dialog.addEventListener("close", () => {
      sheet.removeEventListener("change", draw);
      dialog.remove();
      sheet.focus();
    });
    document.body.append(dialog);
    dialog.showModal();
    shut.focus();
    show(tile);
  };
}
