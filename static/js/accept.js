/** Accepting: the button is pressed once, and undo works here as everywhere. */

import { wireUndo } from "./undo-reload.js";

const form = document.querySelector("[data-accept]");

form?.addEventListener("submit", () => {
  const button = form.querySelector("button");
  // After this turn: a disabled button would not send its form.
  setTimeout(() => { button.disabled = true; });
});
// Going back shows the page as it was left, with the button still disabled.
addEventListener("pageshow", () => { if (form) form.querySelector("button").disabled = false; });

wireUndo(document.querySelector(".accept"));
