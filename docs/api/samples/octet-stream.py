"""Suggested labels of a file on this machine."""

from pathlib import Path

import requests

host = "HOST"
token = "TOKEN"
project = "PROJECT"

answer = requests.post(
    f"{host}/api/similarity-labels",
    params={"project": project, "threshold": 30, "use-first": False, "save": False},
    headers={"X-Auth-token": token, "Content-Type": "application/octet-stream"},
    data=Path("photo.jpg").read_bytes(),
    timeout=60,
)
if answer.status_code != 200:
    raise SystemExit(answer.json()["error"])
for suggestion in answer.json():
    print(suggestion["label"], suggestion["score"])
