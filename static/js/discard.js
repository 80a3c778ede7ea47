/** Discard asks first, and says what becomes of the images. */

import { ask } from "./dialog.js";
import { count } from "./dom.js";

/** @param {HTMLFormElement} form with `data-rows` and `data-kind` by the time it is sent */
export function asksBeforeDiscard(form) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const images = count(Number(form.dataset.rows), "image");
    const text = form.dataset.kind === "uploaded"
      ? `The ${images} uploaded for it are removed from the project, and the ticks are given up.`
      : `The ticks are given up. Its ${images} stay in the dataset as they are.`;
    if (await ask({ title: "Discard this batch?", text: `${text} Undo on the project's page brings it back.`, confirm: "Discard", danger: true })) form.submit();
  });
}
