/** Progress: asks for the forecasts where the page came without them. */

import { element } from "./dom.js";
import { get } from "./http.js";

const AGAIN_MS = 1500;
/** Labels that change while it is compared make it begin anew; after this often the person decides. */
const MOST_TRIES = 5;

const whole = document.querySelector("[data-standing]");

async function ask() {
  for (let tries = 0; tries < MOST_TRIES && whole.querySelector("[data-ask]"); tries += 1) {
    if (tries) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    const rows = document.createElement("template");
    // The server's own template, which escapes all data.
    rows.innerHTML = await get(whole.dataset.standing);
    whole.replaceChildren(rows.content);
  }
  if (whole.querySelector("[data-ask]")) fail("Labels change all the time just now, so the figures do not hold still.");
}

function fail(sentence) {
  const again = element("button", { class: "button", type: "button" }, "Try again");
  again.addEventListener("click", () => location.reload());
  const place = whole.querySelector("[data-ask]");
  place.replaceChildren(element("div", {}, element("h2", {}, "Not compared"), element("p", {}, sentence), again));
}

ask().catch((problem) => fail(problem.message));
