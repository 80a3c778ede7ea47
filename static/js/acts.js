/** Acts: one request each, one after another, with a toast that can take the act back. */

import { post } from "./http.js";
import { labelsShown, applyState, canLabel, state } from "./page-state.js";
import { query } from "./filters.js";
import { onKeys } from "./keys.js";
import { projectUrl } from "./project.js";
import { toast, toastError } from "./toast.js";

let grid = null;
let queue = Promise.resolve();
let lastToast = null;

/** Say whose tiles follow the acts. */
export function actsOn(theGrid) {
  grid = theGrid;
}

/**
 * Do something to the project and show what came of it. Resolves to the answer, null if it failed.
 *
 * Acts wait for each other: undo pressed right after a key must find that key's act done.
 */
export function act(path, body = {}) {
  const done = queue.then(() => send(path, body));
  queue = done;
  return done;
}

async function send(path, body) {
  const before = state.counts.matching;
  try {
    const answer = await post(projectUrl(path), {
      ...body, show: grid.aliveIds, filter_shown: query(), labels_shown: labelsShown(),
    });
    applyState(answer.state);
    grid.replace(answer.tiles);
    grid.remove(answer.gone);
    /** How many images match the filter no longer, though they are still in the dataset. */
    const fewer = before - state.counts.matching - answer.gone.length;
    document.dispatchEvent(new CustomEvent("act-done", { detail: { ...answer, path, fewer } }));
    // Undo in an older toast would take back something newer than the toast says.
    lastToast?.remove();
    const undoable = answer.act && !path.endsWith("undo") && !path.endsWith("redo");
    lastToast = toast(answer.message, { action: undoable ? { label: "Undo", run: undo } : undefined });
    return answer;
  } catch (problem) {
    toastError(problem);
    return null;
  }
}

const buttons = { undo: document.querySelector("#undo"), redo: document.querySelector("#redo") };

export const undo = () => act("undo").then(bringBack);
export const redo = () => act("redo").then(bringBack);

/** Images that came back into the dataset stand in no chunk: ask for the chunks again. */
async function bringBack(answer) {
  if (answer?.moved) await grid.reload({ keepScroll: true }).catch(toastError);
}

function drawButtons() {
  for (const [name, word, keys] of [["undo", "Undo", "Ctrl+Z"], ["redo", "Redo", "Ctrl+Shift+Z"]]) {
    const button = buttons[name];
    if (!button) continue;
    const summary = state[name];
    button.setAttribute("aria-disabled", summary === "");
    button.title = `${summary ? `${word}: ${summary}` : `Nothing to ${name}`} (${keys})`;
    button.setAttribute("aria-label", summary ? `${word}: ${summary}` : word);
  }
}

if (canLabel) {
  buttons.undo.addEventListener("click", () => state.undo && undo());
  buttons.redo.addEventListener("click", () => state.redo && redo());
  document.addEventListener("state-changed", drawButtons);
  drawButtons();
  onKeys("ctrl+z", "Undo", undo, { group: "Everywhere" });
  onKeys("ctrl+shift+z / ctrl+y", "Redo", redo, { group: "Everywhere" });
}
