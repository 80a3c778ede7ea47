/** Keys of the page of wrong labels. */

import { describeKeys, onKeys } from "./keys.js";
import { openMenu } from "./menu.js";

const GROUP = "Wrong labels";

/** How many cards stand in the first row. */
function columns(all) {
  const below = all.findIndex((card) => card.offsetTop > all[0].offsetTop);
  return below < 0 ? all.length : below;
}

export function wireKeys({ list, cards, selection, idOf, cardOf, makeActive, extend, meant, items, look, canLabel, acts, further }) {
  const current = () => cardOf(selection.active);

  /** Move by some cards; with Shift the selection follows, without it is given up. */
  function step(by, { extending = false } = {}) {
    const all = cards();
    if (!all.length) return;
    const at = all.indexOf(current());
    const next = all[at < 0 ? 0 : Math.max(0, Math.min(all.length - 1, at + by))];
    if (extending) extend(next, false);
    else {
      selection.anchor = idOf(next);
      selection.clear();
    }
    makeActive(next);
    next.scrollIntoView({ block: "nearest" });
    if (next === all.at(-1) && at >= 0) further();
  }

  const steps = { arrowright: () => 1, arrowleft: () => -1, arrowdown: () => columns(cards()), arrowup: () => -columns(cards()), home: () => -Infinity, end: () => Infinity };
  for (const [key, by] of Object.entries(steps)) {
    onKeys(key, "", () => step(by()));
    onKeys(`shift+${key}`, "", () => step(by(), { extending: true }));
  }
  describeKeys("← ↑ → ↓ / home / end", "Move; with Shift select", GROUP);
  describeKeys("click", "Select only this image; with Ctrl this one too, with Shift all up to it", GROUP);

  /** A button that has the focus does what it says; a card inside which it is, is the current one. */
  const unlessButton = (run) => (event) => {
    const inside = event.target.closest?.("button, a, select, summary");
    if (inside) inside.click();
    else run(event);
  };
  list.addEventListener("focusin", ({ target }) => {
    const card = target.closest(".suspect");
    if (card && selection.active !== idOf(card)) makeActive(card, { focus: false });
  });

  onKeys("o", "Open large beside a neighbour", () => current() && look(current()), { group: GROUP });
  if (!canLabel) return;
  onKeys("enter", "Take the suggested label of the selected images, or of the current one", unlessButton(() => acts.take(meant())), { group: GROUP });
  onKeys("r", "Their label is right: do not show them again", () => acts.right(meant()), { group: GROUP });
  describeKeys("1–9", "Give them the label of that key instead", GROUP);
  for (const digit of "123456789") onKeys(digit, "", () => acts.giveKey(digit));
  onKeys("l", "Choose another label for them", () => acts.choose(meant()), { group: GROUP });
  onKeys("delete", "Delete them", () => acts.trash(meant()), { group: GROUP });
  onKeys("space", "Select the current image, or no longer", unlessButton(() => current() && selection.toggle(selection.active)), { group: GROUP });
  onKeys("ctrl+a", "Select all that are shown", () => selection.set(cards().map(idOf)), { group: GROUP });
  onKeys("escape", "Select none", () => selection.clear(), { group: GROUP });
  onKeys("shift+f10 / contextmenu", "Actions on the selected images", () => {
    const card = current();
    if (!card) return;
    const box = card.getBoundingClientRect();
    openMenu(items(card), { x: box.left + box.width / 2, y: box.top + box.height / 3 });
  }, { group: GROUP });
  onKeys("ctrl+z", "Undo", acts.undo, { group: GROUP });
  onKeys("ctrl+shift+z / ctrl+y", "Redo", acts.redo, { group: GROUP });
}
