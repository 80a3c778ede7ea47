/** A link to what could be accepted unseen. The page does not wait for the number, which may take seconds. */

import { count } from "./dom.js";
import { get } from "./http.js";

const link = document.querySelector("[data-accept-offer]");

async function offer() {
  const { number, expected, url } = await get(link.dataset.url);
  if (!number) return;
  link.textContent = `Accept ${count(number, "suggestion")}, about ${expected} % wrong expected`;
  link.title = "All images without a label whose suggestion is sure enough, not only those of this batch";
  link.href = url;
  link.hidden = false;
}

// What cannot be said is left out: nothing on the page hangs on it.
offer().catch(() => {});
