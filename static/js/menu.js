/** Menus: right-click, a toolbar button and Shift+F10 open the same one. Arrows, Enter, Esc, letters. */

import { element, icon, swatch } from "./dom.js";

let current = null;

/**
 * @typedef {{label: string, run?: () => void, href?: string, keys?: string, icon?: string, color?: string,
 *   disabled?: boolean, title?: string}} Item
 * @param {(Item | "---" | {heading: string})[]} items
 * @param {{x: number, y: number}} at where its corner stands, in the window
 */
export function openMenu(items, { x, y }) {
  closeMenu();
  const before = document.activeElement;
  const menu = element("div", { class: "menu", role: "menu", tabindex: "-1" }, ...items.map(row));
  (document.querySelector("dialog[open]") ?? document.body).append(menu);
  const box = menu.getBoundingClientRect();
  menu.style.left = `${Math.max(8, Math.min(x, innerWidth - box.width - 8))}px`;
  menu.style.top = `${Math.max(8, Math.min(y, innerHeight - box.height - 8))}px`;
  menu.addEventListener("keydown", onKey);
  current = { menu, before };
  (entries(menu)[0] ?? menu).focus();
  return menu;
}

/** Open a menu below a button. */
export function openMenuAt(button, items) {
  const box = button.getBoundingClientRect();
  return openMenu(items, { x: box.left, y: box.bottom + 4 });
}

export function closeMenu() {
  if (!current) return;
  const { menu, before } = current;
  current = null;
  menu.remove();
  if (before?.isConnected) before.focus({ preventScroll: true });
}

export const menuIsOpen = () => current !== null;

function row(item) {
  if (item === "---") return element("hr");
  if (item.heading) return element("div", { class: "heading" }, item.heading);
  const entry = element(item.href ? "a" : "button", {
    role: "menuitem", href: item.href, type: item.href ? null : "button", title: item.title,
    tabindex: "-1", "aria-disabled": item.disabled ? "true" : null,
  },
  item.icon && icon(item.icon), item.color && swatch(item.color),
  element("span", { class: "text" }, item.label),
  item.keys && element("span", { class: "keys" }, item.keys));
  entry.addEventListener("click", (event) => {
    if (item.disabled) return event.preventDefault();
    closeMenu();
    return item.run?.();
  });
  return entry;
}

function entries(menu) {
  return [...menu.querySelectorAll('[role="menuitem"]')];
}

function onKey(event) {
  const all = entries(event.currentTarget);
  const at = all.indexOf(document.activeElement);
  const go = (index) => all[(index + all.length) % all.length]?.focus();
  if (event.key === "ArrowDown") go(at + 1);
  else if (event.key === "ArrowUp") go(at <= 0 ? all.length - 1 : at - 1);
  else if (event.key === "Home") go(0);
  else if (event.key === "End") go(all.length - 1);
  else if (event.key === "Escape" || event.key === "Tab") closeMenu();
  else if (event.key.length === 1 && /\S/.test(event.key) && !event.ctrlKey && !event.metaKey) {
    const letter = event.key.toLowerCase();
    const order = [...all.slice(at + 1), ...all.slice(0, at + 1)];
    order.find((entry) => entry.textContent.trim().toLowerCase().startsWith(letter))?.focus();
  } else return;
  if (event.key !== "Enter" && event.key !== " ") event.preventDefault();
  event.stopPropagation();
}

document.addEventListener("pointerdown", (event) => {
  if (current && !current.menu.contains(event.target)) closeMenu();
}, true);
addEventListener("blur", closeMenu);
addEventListener("resize", closeMenu);
