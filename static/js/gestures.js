/** Gestures on the grid: click, Ctrl, Shift, arrows, Home, End, Ctrl+A, Esc, and dragging a band. */

import { query } from "./filters.js";
import { get } from "./http.js";
import { describeKeys, onKeys } from "./keys.js";
import { projectUrl } from "./project.js";
import { toastError } from "./toast.js";

const DRAG_PX = 6;
const EDGE_PX = 40;
const EDGE_SPEED = 18;
const GROUP = "Grid";

/** Wire gestures. `open(index)` shows an image large. */
export function wireGestures({ grid, selection, open }) {
  const { root, scroller } = grid;
  let dragged = false;

  const idUnder = (event) => {
    const tile = event.target.closest?.(".tile");
    return tile ? Number(tile.dataset.id) : null;
  };

  root.addEventListener("click", (event) => {
    if (dragged) return;
    const id = idUnder(event);
    root.focus({ preventScroll: true });
    if (id === null) selection.clear();
    else if (event.shiftKey) extend(id, event.ctrlKey || event.metaKey);
    else if (event.ctrlKey || event.metaKey || event.pointerType === "touch") selection.toggle(id);
    else selection.only(id);
  });
  root.addEventListener("dblclick", (event) => {
    const id = idUnder(event);
    if (id !== null) open(grid.order.placeOf(id));
  });

  /** Select from the anchor to an image; from the server where the range leaves what is loaded. */
  function extend(id, keep = false) {
    const from = grid.order.placeOf(selection.anchor ?? id);
    const to = grid.order.placeOf(id);
    selection.active = id;
    if (from === null || to === null) return fromServer(selection.anchor, id, keep);
    const range = grid.order.slice(Math.min(from, to), Math.max(from, to) + 1);
    if (keep) selection.add(range);
    else selection.set(range);
    return undefined;
  }

  async function fromServer(from, to, keep = false) {
    try {
      const ends = `${from ? `&from=${from}` : ""}${to ? `&to=${to}` : ""}`;
      const { images } = await get(projectUrl(`ids?${query()}${ends}`));
      if (keep) selection.add(images);
      else selection.set(images);
    } catch (problem) {
      toastError(problem);
    }
  }

  // --- keys ----------------------------------------------------------------------------------

  function steps(event) {
    const row = grid.blocks.columns;
    const page = Math.max(1, Math.floor(scroller.clientHeight / grid.blocks.rowHeight) - 1) * row;
    return { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -row, ArrowDown: row, PageUp: -page, PageDown: page }[event.key];
  }

  async function go(place, event) {
    if (place >= grid.order.end) await grid.more();
    if (place < grid.order.first) await grid.before();
    const at = Math.max(grid.order.first, Math.min(place, grid.order.end - 1));
    const id = grid.order.at(at);
    if (id === undefined) return;
    if (event.shiftKey) {
      selection.anchor ??= selection.active ?? id;
      extend(id);
    } else if (event.ctrlKey || event.metaKey) {
      selection.active = id;
      selection.dispatchEvent(new Event("change"));
    } else selection.only(id);
    grid.reveal(at);
  }

  /** To the first or the last image of the whole list; what lies between is not loaded. */
  async function goToEdge(event) {
    const toEnd = event.key === "End";
    // With Shift, the range begins here, though this image may not be among the loaded ones there.
    if (event.shiftKey) selection.anchor ??= selection.active ?? grid.order.at(grid.order.first);
    // Until the images are there, a label's key must not mean those that were left.
    else if (!(toEnd ? grid.atEnd : grid.atStart) && !event.ctrlKey && !event.metaKey) selection.clear();
    try {
      await (toEnd ? grid.toEnd() : grid.toStart());
      await go(toEnd ? grid.order.end - 1 : grid.order.first, event);
    } catch (problem) {
      toastError(problem);
    }
  }

  let keys = Promise.resolve();

  function onGridKey(event) {
    if (event.defaultPrevented || event.altKey || !grid.order.length) return;
    if (!/^(Arrow|Page|Home|End|Enter| )/.test(event.key)) return;
    event.preventDefault();
    // One after another: what is pressed after End means the images there, also while they load.
    keys = keys.then(() => move(event));
  }

  function move(event) {
    const now = selection.active === null ? null : grid.order.placeOf(selection.active);
    const step = steps(event);
    if (step !== undefined) {
      // From the last row, down ends at the last image; from nowhere, any arrow begins at what is seen.
      const target = now === null ? grid.blocks.seen[0] : now + step;
      if (target >= 0 || event.key.startsWith("Page")) return go(target, event);
    } else if (event.key === "Home" || event.key === "End") return goToEdge(event);
    else if (event.key === " " && (event.ctrlKey || event.metaKey)) {
      if (selection.active !== null) selection.toggle(selection.active);
    } else open(now ?? grid.blocks.seen[0]);
    return undefined;
  }

  root.addEventListener("keydown", onGridKey);
  // After a click on nothing in particular the arrows still mean the grid.
  document.addEventListener("keydown", (event) => {
    const nowhere = event.target === document.body || event.target === document.documentElement;
    if (!nowhere || document.querySelector("dialog[open]") || !/^(Arrow|Home|End|Page)/.test(event.key)) return;
    root.focus({ preventScroll: true });
    onGridKey(event);
  });

  describeKeys("click", "Select only this image", GROUP);
  describeKeys("ctrl+click", "Select this image too, or no longer", GROUP);
  describeKeys("shift+click", "Select everything from the last one to this", GROUP);
  describeKeys("drag", "Select what the rectangle touches", GROUP);
  describeKeys("arrows", "Move; with Shift select, with Ctrl only move", GROUP);
  describeKeys("page up / page down", "The same, as far as the window is high", GROUP);
  describeKeys("home / end", "To the first and the last of all images; with Shift select up to there", GROUP);
  describeKeys("ctrl+space", "Select the image under the keyboard, or no longer", GROUP);
  describeKeys("space / enter", "Open large", GROUP);
  onKeys("ctrl+a", "Select all that match the filter", () => {
    if (document.querySelector("dialog[open]")) return;
    if (grid.order.length) selection.selectAll();
  }, { group: GROUP });
  onKeys("escape", "Clear the selection", () => {
    const dialog = document.querySelector("dialog[open]");
    if (dialog) dialog.close();
    else selection.clear();
  }, { group: GROUP });

  // --- the band ------------------------------------------------------------------------------

  const band = document.createElement("div");
  band.className = "band";
  band.hidden = true;
  scroller.append(band);

  const place = (event) => {
    const box = scroller.getBoundingClientRect();
    return { x: event.clientX - box.left + scroller.scrollLeft, y: event.clientY - box.top + scroller.scrollTop };
  };

  scroller.addEventListener("pointerdown", (event) => {
    dragged = false;
    const onScrollbar = event.offsetX > scroller.clientWidth && event.target === scroller;
    if (event.button !== 0 || event.pointerType === "touch" || onScrollbar) return;
    if (event.target !== scroller && !root.contains(event.target) && !event.target.closest(".sentinel, .count-bar .counts")) return;
    // From the top of the list, not of the grid: more may be loaded before it while the band is drawn.
    const start = place(event);
    const from = start.y + grid.blocks.above;
    const keep = event.ctrlKey || event.metaKey || event.shiftKey ? selection.ids ?? [] : [];
    let latest = event;
    let frame = 0;

    const draw = () => {
      const now = place(latest);
      const y = from - grid.blocks.above;
      const box = { left: Math.min(start.x, now.x), top: Math.min(y, now.y), right: Math.max(start.x, now.x), bottom: Math.max(y, now.y) };
      Object.assign(band.style, { left: `${box.left}px`, top: `${box.top}px`, width: `${box.right - box.left}px`, height: `${box.bottom - box.top}px` });
      const touched = grid.blocks.idsIn(box);
      selection.set([...keep, ...touched]);
      if (touched.length) selection.anchor = selection.active = touched[0];
    };
    const tick = () => {
      const box = scroller.getBoundingClientRect();
      const speed = latest.clientY > box.bottom - EDGE_PX ? EDGE_SPEED : latest.clientY < box.top + EDGE_PX ? -EDGE_SPEED : 0;
      if (speed) scroller.scrollTop += speed;
      draw();
      frame = requestAnimationFrame(tick);
    };
    const move = (event_) => {
      latest = event_;
      const far = Math.hypot(event_.clientX - event.clientX, event_.clientY - event.clientY) > DRAG_PX;
      if (dragged || !far) return;
      dragged = true;
      band.hidden = false;
      scroller.classList.add("dragging");
      tick();
    };
    const stop = () => {
      cancelAnimationFrame(frame);
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", up);
      removeEventListener("pointercancel", stop);
      band.hidden = true;
      scroller.classList.remove("dragging");
      // The click that follows a drag is none; without one, the flag must not swallow the next.
      setTimeout(() => { dragged = false; });
    };
    const up = (event_) => {
      latest = event_;
      if (dragged) {
        draw();
        root.focus({ preventScroll: true });
      } else if (!event.target.closest(".tile") && !root.contains(event.target)) selection.clear();
      stop();
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", up);
    addEventListener("pointercancel", stop);
  });
  root.addEventListener("dragstart", (event) => event.preventDefault());
}
