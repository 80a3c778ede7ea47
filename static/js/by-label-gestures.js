/** Pointer and arrows on the sheet of a review by label: the current tile, marks, ranges and rectangles. */

import { describeKeys } from "./keys.js";

const DRAG_PX = 6;
const GROUP = "Sheet";
const OWN_KEYS = "button, a, input, select, textarea, summary, .menu, .label-picker";

/** @param {{sheet: object, scroller: HTMLElement, open: (tile: HTMLElement) => void}} parts */
export function wireGestures({ sheet, scroller, open }) {
  const { root } = sheet;
  let anchor = null;
  let dragged = false;
  let pointer = { x: -1, y: -1 };

  const tileOf = (event) => event.target.closest?.(".tile") ?? null;

  /** Mark everything from the last marked tile to this one. */
  function extend(tile) {
    const all = sheet.tiles;
    const from = Math.max(0, all.indexOf(sheet.tile(anchor) ?? tile));
    const to = all.indexOf(tile);
    sheet.markAll(all.slice(Math.min(from, to), Math.max(from, to) + 1));
  }

  // A browser says that the pointer moved also where the tiles did: only its own moves choose a tile.
  root.addEventListener("pointermove", (event) => {
    if (event.clientX === pointer.x && event.clientY === pointer.y) return;
    pointer = { x: event.clientX, y: event.clientY };
    const tile = tileOf(event);
    if (tile && !dragged && event.pointerType !== "touch") sheet.makeCurrent(tile);
  });
  root.addEventListener("click", (event) => {
    const tile = tileOf(event);
    if (!tile || dragged) return;
    tile.closest(".grid").focus({ preventScroll: true });
    sheet.makeCurrent(tile);
    if (event.shiftKey) extend(tile);
    else sheet.toggle(tile);
    anchor = Number(tile.dataset.id);
  });
  root.addEventListener("dblclick", (event) => {
    const tile = tileOf(event);
    if (tile) open(tile);
  });

  // --- keys ------------------------------------------------------------------------------------

  /** The tile above or below: the nearest of the next line, also across sections. */
  function vertical(tile, down) {
    const box = tile.getBoundingClientRect();
    const middle = box.left + box.width / 2;
    const rows = sheet.tiles.map((each) => [each, each.getBoundingClientRect()])
      .filter(([, other]) => (down ? other.top > box.top + 1 : other.top < box.top - 1));
    if (!rows.length) return tile;
    const line = down ? Math.min(...rows.map(([, other]) => other.top)) : Math.max(...rows.map(([, other]) => other.top));
    const away = ([, other]) => Math.abs(other.left + other.width / 2 - middle);
    return rows.filter(([, other]) => Math.abs(other.top - line) < 2).sort((a, b) => away(a) - away(b))[0][0];
  }

  function target(key) {
    const all = sheet.tiles;
    const now = sheet.currentTile;
    if (key === "Home" || (!now && key.startsWith("Arrow"))) return all[0];
    if (key === "End") return all.at(-1);
    const at = all.indexOf(now);
    return {
      ArrowLeft: () => all[Math.max(0, at - 1)],
      ArrowRight: () => all[Math.min(all.length - 1, at + 1)],
      ArrowUp: () => vertical(now, false),
      ArrowDown: () => vertical(now, true),
    }[key]?.();
  }

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]") || event.target.closest?.(OWN_KEYS)) return;
    const tile = sheet.currentTile;
    if (event.key === " ") {
      if (!tile) return;
      sheet.toggle(tile);
      anchor = sheet.current;
    } else {
      const next = target(event.key);
      if (!next) return;
      if (event.shiftKey && tile) {
        anchor = sheet.tile(anchor) ? anchor : sheet.current;
        extend(next);
      }
      sheet.makeCurrent(next);
      sheet.focus();
      next.scrollIntoView({ block: "nearest" });
    }
    event.preventDefault();
  });

  describeKeys("pointer / arrows", "Choose the current photo", GROUP);
  describeKeys("click / space", "Mark it as wrong, or no longer", GROUP);
  describeKeys("shift+click / shift+arrows", "Mark everything from the last one to this", GROUP);
  describeKeys("drag", "Mark what the rectangle touches", GROUP);

  // --- the rectangle ---------------------------------------------------------------------------

  const band = document.createElement("div");
  band.className = "band";
  band.hidden = true;
  scroller.append(band);

  const place = (event) => {
    const box = scroller.getBoundingClientRect();
    return { x: event.clientX - box.left + scroller.scrollLeft, y: event.clientY - box.top + scroller.scrollTop };
  };

  function touched(from, to) {
    const box = scroller.getBoundingClientRect();
    const left = Math.min(from.x, to.x) - scroller.scrollLeft + box.left;
    const top = Math.min(from.y, to.y) - scroller.scrollTop + box.top;
    const right = left + Math.abs(from.x - to.x);
    const bottom = top + Math.abs(from.y - to.y);
    return sheet.tiles.filter((tile) => {
      const its = tile.getBoundingClientRect();
      return its.left < right && its.right > left && its.top < bottom && its.bottom > top;
    });
  }

  scroller.addEventListener("pointerdown", (event) => {
    dragged = false;
    const onScrollbar = event.target === scroller && event.offsetX > scroller.clientWidth;
    if (event.button !== 0 || event.pointerType === "touch" || onScrollbar || event.target.closest(OWN_KEYS)) return;
    const start = place(event);

    const move = (event_) => {
      const now = place(event_);
      if (!dragged && Math.hypot(now.x - start.x, now.y - start.y) < DRAG_PX) return;
      dragged = true;
      band.hidden = false;
      scroller.classList.add("dragging");
      Object.assign(band.style, {
        left: `${Math.min(start.x, now.x)}px`, top: `${Math.min(start.y, now.y)}px`,
        width: `${Math.abs(now.x - start.x)}px`, height: `${Math.abs(now.y - start.y)}px`,
      });
    };
    const stop = (event_) => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", stop);
      removeEventListener("pointercancel", stop);
      band.hidden = true;
      scroller.classList.remove("dragging");
      if (dragged && event_.type === "pointerup") {
        const found = touched(start, place(event_));
        if (found.length) {
          sheet.markAll(found);
          sheet.makeCurrent(found[0]);
          anchor = sheet.current;
        }
      }
      // The click that follows a drag is none; without one, the flag must not swallow the next.
      setTimeout(() => { dragged = false; });
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", stop);
    addEventListener("pointercancel", stop);
  });
  root.addEventListener("dragstart", (event) => event.preventDefault());
}
