/** The list of projects: one menu button a card. */

import { openMenuAt } from "./menu.js";
import { onKeys } from "./keys.js";

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-project-menu]");
  if (!button) return;
  const { open, settings } = button.dataset;
  openMenuAt(button, [
    { label: "Open", icon: "image", href: open },
    { label: "Rename or change…", icon: "edit", href: settings },
    "---",
    { label: "Delete…", icon: "trash", href: `${settings}#delete-title` },
  ]);
});

onKeys("n", "New project", () => { location.href = "/projects/new"; }, { group: "Projects" });
