/** Requests to our own server: JSON out, JSON in, every failure a sentence a person can read. */

export class RequestError extends Error {
  constructor(sentence, { code = "", status = 0 } = {}) {
    super(sentence);
    this.code = code;
    this.status = status;
  }
}

/** From the cookie: signing in again in another tab makes the token this page came with useless. */
export function csrfToken() {
  const cookie = document.cookie.split("; ").find((each) => each.startsWith("labeling_csrf="));
  return cookie?.slice(cookie.indexOf("=") + 1) ?? document.querySelector('meta[name="csrf-token"]').content;
}

const UNREACHABLE = "The server cannot be reached. Check that it is still running, then try again.";

/**
 * Send a request and return the parsed answer.
 *
 * @param {string} method GET, POST, DELETE ...
 * @param {string} url
 * @param {object|FormData} [data] an object goes as JSON, a FormData as it is
 * @throws {RequestError} with the server's sentence
 */
export async function request(method, url, data, { signal } = {}) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRFToken"] = csrfToken();
  let body;
  if (data instanceof FormData) {
    body = data;
  } else if (data !== undefined) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(data);
  }
  let response;
  try {
    response = await fetch(url, { method, headers, body, signal, credentials: "same-origin" });
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw new RequestError(UNREACHABLE);
  }
  return readAnswer(response);
}

async function readAnswer(response) {
  if (response.redirected && new URL(response.url).pathname.startsWith("/sign-in")) {
    throw new RequestError("You are signed out. Sign in again in another tab, then repeat this.", {
      code: "signed_out",
      status: 401,
    });
  }
  const isJson = (response.headers.get("Content-Type") || "").includes("application/json");
  const answer = isJson ? await response.json() : await response.text();
  if (response.ok) return answer;
  const sentence = isJson && answer.error
    ? answer.error
    : `The server answered with an error (${response.status}). Try again; if it stays, look at the log.`;
  throw new RequestError(sentence, { code: isJson ? answer.code : "", status: response.status });
}

/**
 * Send a large file and be told how far it is: fetch cannot tell.
 *
 * @param {(bytes: number) => void} onProgress
 */
export function sendFile(url, data, { onProgress, signal } = {}) {
  const sending = new XMLHttpRequest();
  return new Promise((resolve, reject) => {
    sending.open("POST", url);
    sending.setRequestHeader("Accept", "application/json");
    sending.setRequestHeader("X-CSRFToken", csrfToken());
    sending.upload.addEventListener("progress", ({ loaded }) => onProgress?.(loaded));
    sending.addEventListener("load", () => {
      const headers = { "Content-Type": sending.getResponseHeader("Content-Type") ?? "" };
      const response = new Response(sending.responseText, { status: sending.status, headers });
      readAnswer(response).then(resolve, reject);
    });
    sending.addEventListener("error", () => reject(new RequestError(UNREACHABLE)));
    sending.addEventListener("abort", () => reject(signal.reason));
    signal?.addEventListener("abort", () => sending.abort(), { once: true });
    sending.send(data);
  });
}

export const get = (url, options) => request("GET", url, undefined, options);
export const post = (url, data = {}, options) => request("POST", url, data, options);
