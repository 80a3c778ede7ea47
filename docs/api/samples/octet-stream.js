// Suggested labels of a file on this machine.
// On a page with <input type="file" id="image"> and <pre id="answer"></pre>
// Who opens the page can read the token: take one that may only predict, for this project alone.
const host = "HOST";
const token = "TOKEN";
const project = "PROJECT";

async function suggestLabels(image) {
  const parameters = new URLSearchParams({ project, threshold: 30, "use-first": false, save: false });
  const response = await fetch(`${host}/api/similarity-labels?${parameters}`, {
    method: "POST",
    headers: { "X-Auth-token": token, "Content-Type": "application/octet-stream" },
    body: image,
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

function show(text) {
  document.querySelector("#answer").textContent = text;
}

document.querySelector("#image").addEventListener("change", (event) => {
  suggestLabels(event.target.files[0]).then(
    (labels) => show(JSON.stringify(labels, null, 2)),
    (problem) => show(problem.message),
  );
});
