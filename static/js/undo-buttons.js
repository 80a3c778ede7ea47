/** The two buttons that undo and redo: what they would do stands in their tooltips. */

const BUTTONS = [["undo", "Undo", "Ctrl+Z"], ["redo", "Redo", "Ctrl+Shift+Z"]];

const buttonOf = (name) => document.querySelector(`[data-${name}-button]`);

/**
 * Do the work when a button is pressed that has something to do.
 *
 * @param {{undo: () => void, redo: () => void}} work
 */
export function watchUndoButtons(work) {
  for (const [name] of BUTTONS) {
    const button = buttonOf(name);
    button?.addEventListener("click", () => button.getAttribute("aria-disabled") !== "true" && work[name]());
  }
}

/** @param {{undo: string, redo: string}} undoable summaries of what can be undone and redone */
export function drawUndoButtons(undoable) {
  for (const [name, word, keys] of BUTTONS) {
    const button = buttonOf(name);
    if (!button) continue;
    const summary = undoable[name];
    button.setAttribute("aria-disabled", String(!summary));
    button.title = `${summary ? `${word}: ${summary}` : `Nothing to ${name}`} (${keys})`;
    button.setAttribute("aria-label", summary ? `${word}: ${summary}` : word);
  }
}
