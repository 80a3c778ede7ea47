/** The settings of a project: keeps the section of the encoder true while images are re-embedded. */

import { get } from "./http.js";
import { projectUrl } from "./project.js";
import { Reembedding } from "./reembedding.js";

const LOOK_MS = 1000;
const HIDDEN_MS = 5000;

function watch(section) {
  const running = section.querySelector("[data-running]");
  if (!running) return;
  const reembedding = new Reembedding(running);

  async function look() {
    try {
      const progress = await get(projectUrl("progress"));
      reembedding.draw(progress);
      if (!progress.reembedding) return void (await replace(section));
    } catch {
      // No place for errors: whatever the person does next says it.
    }
    setTimeout(look, document.hidden ? HIDDEN_MS : LOOK_MS);
  }
  look();
}

/** Only the section: what was typed into the rest of the page stays. */
async function replace(section) {
  const part = document.createElement("template");
  part.innerHTML = await get(projectUrl("encoder"));
  const fresh = part.content.firstElementChild;
  const hadFocus = section.contains(document.activeElement);
  section.replaceWith(fresh);
  if (hadFocus) fresh.focus();
  watch(fresh);
}

document.addEventListener("input", ({ target }) => {
  if (target.id === "id_open_clip") document.querySelector('#encoder [value="other"]').checked = true;
});

watch(document.querySelector("#encoder"));
