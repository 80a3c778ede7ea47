/** What every page does: theme switch, list of keys, messages of the server. */

import { showKeys } from "./keys.js";
import { toast } from "./toast.js";

const THEMES = ["auto", "light", "dark"];

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax`;
  const button = document.querySelector("[data-theme-switch]");
  button.title = `Colors: ${theme}. Click to change.`;
  button.setAttribute("aria-label", button.title);
}

document.querySelector("[data-theme-switch]")?.addEventListener("click", () => {
  const now = THEMES.indexOf(document.documentElement.dataset.theme);
  setTheme(THEMES[(now + 1) % THEMES.length]);
  toast(`Colors: ${document.documentElement.dataset.theme}`);
});
document.querySelector("[data-show-keys]")?.addEventListener("click", showKeys);

for (const message of document.querySelectorAll("[data-message]")) {
  toast(message.textContent, { kind: message.dataset.message === "error" ? "error" : "info" });
  message.remove();
}
