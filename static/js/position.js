/** Where the window stands in the list, and the ways to its two ends. */

import { toastError } from "./toast.js";

const holder = document.querySelector("#position");
const seen = holder.querySelector("[data-seen]");
const start = holder.querySelector("[data-to-start]");
const end = holder.querySelector("[data-to-end]");

export function wirePosition(grid) {
  function draw() {
    const { order, total, atStart, atEnd } = grid;
    const [from, to] = order.length ? grid.blocks.seen : [0, -1];
    holder.hidden = to - from + 1 >= total;
    const number = (place) => (Math.max(0, place) + 1).toLocaleString("en");
    const text = `${number(from)}–${number(to)} of ${total.toLocaleString("en")}`;
    if (seen.textContent !== text) seen.textContent = text;
    start.setAttribute("aria-disabled", atStart && from === order.first);
    end.setAttribute("aria-disabled", atEnd && to === order.end - 1);
  }

  grid.addEventListener("looked", draw);
  start.addEventListener("click", () => grid.toStart().catch(toastError));
  end.addEventListener("click", () => grid.toEnd().catch(toastError));
}
