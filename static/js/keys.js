/** Keyboard shortcuts of a page, and the list of them that `?` shows. */

import { element } from "./dom.js";
import { show } from "./dialog.js";

const groups = new Map();
const bindings = new Map();

const MAC = /Mac|iPhone|iPad/.test(navigator.platform);

/**
 * @param {string} keys such as "ctrl+z", "ctrl+shift+z", "1", "space", "?"; alternatives by " / "
 * @param {string} meaning what the list of keys says
 * @param {(event: KeyboardEvent) => void} run
 * @param {{group?: string, inFields?: boolean}} [options]
 */
export function onKeys(keys, meaning, run, { group = "Everywhere", inFields = false } = {}) {
  for (const one of keys.split(" / ")) bindings.set(one, { run, inFields });
  if (!meaning) return;
  if (!groups.has(group)) groups.set(group, []);
  groups.get(group).push({ keys, meaning });
}

/** Say in the list of keys what is handled elsewhere (clicks, arrows of the grid). */
export function describeKeys(keys, meaning, group) {
  if (!groups.has(group)) groups.set(group, []);
  groups.get(group).push({ keys, meaning });
}

function nameOf(event) {
  const key = event.key === " " ? "space" : event.key.toLowerCase();
  const shifted = event.shiftKey && (key.length > 1 || /[a-z]/.test(key));
  return [(event.ctrlKey || event.metaKey) && "ctrl", event.altKey && "alt", shifted && "shift", key]
    .filter(Boolean).join("+");
}

const FIELDS = 'input:not([type="checkbox"]):not([type="radio"]):not([type="range"]), textarea, select, [contenteditable]';

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  const binding = bindings.get(nameOf(event));
  if (!binding) return;
  if (!binding.inFields && event.target.closest?.(FIELDS)) return;
  if (document.querySelector("dialog[open]") && !event.target.closest?.("dialog[data-keys]")) return;
  event.preventDefault();
  binding.run(event);
});

function pretty(keys) {
  const names = { ctrl: MAC ? "⌘" : "Ctrl", shift: "Shift", alt: "Alt", space: "Space", escape: "Esc", arrowup: "↑", arrowdown: "↓", arrowleft: "←", arrowright: "→" };
  return keys.split("+").map((key) => names[key] ?? (key.length === 1 ? key.toUpperCase() : key[0].toUpperCase() + key.slice(1))).join(" + ");
}

export function showKeys() {
  const parts = [];
  for (const [group, rows] of groups) {
    parts.push(element("h3", {}, group));
    parts.push(element("dl", { class: "keys-list" }, ...rows.flatMap(({ keys, meaning }) => [
      element("dt", {}, ...keys.split(" / ").flatMap((one, index) => [index > 0 ? " or " : "", element("kbd", {}, pretty(one))])),
      element("dd", {}, meaning),
    ])));
  }
  show("Keyboard shortcuts", element("div", {}, ...parts));
}

onKeys("?", "Show all keys", showKeys);
