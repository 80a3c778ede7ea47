/** Undo and redo of the project's acts on a page that is drawn anew after each. */

import { post } from "./http.js";
import { onKeys } from "./keys.js";
import { toast, toastError } from "./toast.js";

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
  for (const [name, word, keys] of [["undo", "Undo", "ctrl+z"], ["redo", "Redo", "ctrl+shift+z / ctrl+y"]]) {
    const run = async () => {
      if (running) return;
      running = true;
      try {
        reloadSaying((await post(`${page.dataset.base}${name}`)).message);
      } catch (problem) {
        running = false;
        toastError(problem);
      }
    };
    onKeys(keys, word, run);
    const button = document.querySelector(`[data-${name}-button]`);
    if (!button) continue;
    const summary = page.dataset[name];
    button.setAttribute("aria-disabled", String(!summary));
    button.title = `${summary ? `${word}: ${summary}` : `Nothing to ${name}`} (${name === "undo" ? "Ctrl+Z" : "Ctrl+Shift+Z"})`;
    button.setAttribute("aria-label", summary ? `${word}: ${summary}` : word);
    button.addEventListener("click", () => summary && run());
  }
}

const said = sessionStorage.getItem(SAID);
sessionStorage.removeItem(SAID);
if (said) toast(said);
