"""Suggested labels of an image on the web."""

import requests

host = "HOST"
token = "TOKEN"
project = "PROJECT"

answer = requests.post(
    f"{host}/api/similarity-labels",
    params={"project": project, "threshold": 30, "use-first": False, "save": False},
    headers={"X-Auth-token": token},
    json={"url": "https://example.com/photo.jpg"},
    timeout=60,
)
if answer.status_code != 200:
    raise SystemExit(answer.json()["error"])
for suggestion in answer.json():
    print(suggestion["label"], suggestion["score"])
