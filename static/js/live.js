/** Keeps the page true while images arrive, are embedded, or another tab changes the project. */

import { count } from "./dom.js";
import { isFiltered, query } from "./filters.js";
import { get } from "./http.js";
import { applyState, labelsShown, state } from "./page-state.js";
import { projectUrl } from "./project.js";
import { toastError } from "./toast.js";

const SETTLE_MS = 400;
/** After the hand was on the grid, tiles stay where they are for so long. */
const CALM_MS = 2000;

export function wireLive({ grid, selection }) {
  const pill = document.querySelector("#new-images");
  let timer = 0;
  let busy = false;
  let again = false;

  async function catchUp({ everyTile = false } = {}) {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      const revision = state.revision;
      const next = await get(projectUrl(`state?${query()}&labels_shown=${labelsShown()}`));
      applyState(next);
      const pending = grid.aliveIds.filter((id) => grid.tile(id)?.hasAttribute("data-pending"));
      await grid.refresh(everyTile || next.revision !== revision ? undefined : pending);
      await showNew();
    } catch (problem) {
      if (problem.code !== "bad_filter") toastError(problem);
    } finally {
      busy = false;
      if (again) {
        again = false;
        soon();
      }
    }
  }

  // How many matched when the chunks were asked for. More by now have come since; where not all are
  // loaded, nothing else tells whether images came elsewhere than behind the last one.
  let seen = state.counts.matching;

  /** New images go to their places by themselves where that moves nothing a person works on. */
  async function showNew() {
    seen = Math.min(seen, state.counts.matching);
    if (grid.atEnd && state.counts.matching > seen) seen += await grid.appendNew();
    const missing = grid.atStart && grid.atEnd ? state.counts.matching - grid.order.length : 0;
    const number = Math.max(state.counts.matching - seen, missing);
    if (number > 0) {
      if (grid.order.length === 0 || isIdle()) return grid.reload();
      say(`${count(number, "new image")} · Show`);
      if (atTop() && !selection.size) soon(CALM_MS);
    } else if (!stale) pill.hidden = true;
    return undefined;
  }

  const atTop = () => grid.atStart && grid.scroller.scrollTop < grid.blocks.rowHeight / 2;

  /** Whether tiles may move: nothing is selected, and nobody is about to click one. */
  function isIdle() {
    const calm = performance.now() - touchedAt > CALM_MS;
    return calm && atTop() && !selection.size && !stale && !document.querySelector("dialog[open]");
  }

  let touchedAt = -CALM_MS;
  for (const event of ["pointermove", "pointerdown", "keydown"]) {
    grid.root.addEventListener(event, () => { touchedAt = performance.now(); }, { passive: true });
  }

  function say(text) {
    pill.textContent = text;
    pill.hidden = false;
  }

  // Labeled images stay where they are though the filter no longer shows them: what a person works
  // on must not run away. A button tidies up.
  let stale = 0;
  document.addEventListener("act-done", ({ detail }) => {
    // What an act of the person's own brought back is not new.
    if (/(un|re)do$/.test(detail.path)) seen = state.counts.matching;
    if (!isFiltered()) return;
    stale = Math.max(0, stale + detail.fewer);
    if (stale) say(`${count(stale, "image no longer matches", "images no longer match")} · Refresh`);
    else pill.hidden = true;
  });
  document.addEventListener("state-changed", () => {
    if (!isFiltered()) stale = 0;
  });

  const soon = (ms = SETTLE_MS) => {
    clearTimeout(timer);
    timer = setTimeout(catchUp, ms);
  };

  pill.addEventListener("click", async () => {
    pill.hidden = true;
    stale = 0;
    await grid.reload().catch(toastError);
  });
  document.addEventListener("images-changed", () => soon());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") catchUp();
  });
  grid.addEventListener("reloaded", () => {
    pill.hidden = true;
    stale = 0;
    seen = state.counts.matching;
  });
}
