/** Undo and redo of the project's acts on a page that is drawn anew after each. */

import { post } from "./http.js";
import { onKeys } from "./keys.js";
import { toast, toastError } from "./toast.js";
import { drawUndoButtons, watchUndoButtons } from "./undo-buttons.js";

const SAID = "said-after-reload";

/** Show the page as it is by now, and say there what was done. */
export function reloadSaying(sentence, url = location.href) {
  sessionStorage.setItem(SAID, sentence);
  if (url === location.href) location.reload();
  else location.assign(url);
}

/**
 * @param {HTMLElement} page with the address of the project as `data-base`, and what undo and redo
 *   would reverse as `data-undo` and `data-redo`
 */
export function wireUndo(page) {
  let running = false;
  const run = async (name) => {
    if (running) return;
    running = true;
    try {
      reloadSaying((await post(`${page.dataset.base}${name}`)).message);
    } catch (problem) {
      running = false;
      toastError(problem);
    }
  };
  onKeys("ctrl+z", "Undo", () => run("undo"));
  onKeys("ctrl+shift+z / ctrl+y", "Redo", () => run("redo"));
  watchUndoButtons({ undo: () => run("undo"), redo: () => run("redo") });
  drawUndoButtons(page.dataset);
}

const said = sessionStorage.getItem(SAID);
sessionStorage.removeItem(SAID);
if (said) toast(said);
