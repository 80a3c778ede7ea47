// Suggested labels of an image on the web.
// On a page with <pre id="answer"></pre>
// Who opens the page can read the token: take one that may only predict, for this project alone.
const host = "HOST";
const token = "TOKEN";
const project = "PROJECT";

async function suggestLabels(image) {
  const parameters = new URLSearchParams({ project, threshold: 30, "use-first": false, save: false });
  const response = await fetch(`${host}/api/similarity-labels?${parameters}`, {
    method: "POST",
    headers: { "X-Auth-token": token, "Content-Type": "application/json" },
    body: JSON.stringify({ url: image }),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

function show(text) {
  document.querySelector("#answer").textContent = text;
}

suggestLabels("https://example.com/photo.jpg").then(
  (labels) => show(JSON.stringify(labels, null, 2)),
  (problem) => show(problem.message),
);
