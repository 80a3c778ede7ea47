"""Scripts written for SentiSight.ai work when host, token and project are changed, nothing else.

They are in the style of the samples on that product's page: `requests.post`, the query string built
by `format`, booleans as Python prints them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ..live import PHOTO, Live, Web

THEIR_HOST = "https://platform.sentisight.ai"

START = """
import requests
token = "your_token"
project_id = "your_project_id"
threshold = 30
save = False
use_first = False
"""

END = """
if r.status_code == 200:
    print(r.text)
else:
    print('Error occured with REST API.')
    print('Status code: {}'.format(r.status_code))
    print('Error message: ' + r.text)
"""

ADDRESS = (
    "'https://platform.sentisight.ai/api/similarity-labels"
    "?project={}&threshold={}&save={}&use-first={}'.format(project_id, threshold, save, use_first)"
)

MIDDLES = {
    "octet-stream": """
image_filename = "photo.jpg"
headers = {"X-Auth-token": token, "Content-Type": "application/octet-stream"}
with open(image_filename, 'rb') as handle:
    r = requests.post(ADDRESS, headers=headers, data=handle)
""",
    "url": """
import json
image_url = "https://example.com/photo.jpg"
headers = {"X-Auth-token": token, "Content-Type": "application/json"}
r = requests.post(ADDRESS, headers=headers, data=json.dumps({"url": image_url}))
""",
    "imageName": """
import json
image_name = "photo.jpg"
headers = {"X-Auth-token": token, "Content-Type": "application/json"}
r = requests.post(ADDRESS, headers=headers, data=json.dumps({"imageName": image_name}))
""",
    "base64": """
import base64
import json
headers = {"X-Auth-token": token, "Content-Type": "application/json"}
with open("photo.jpg", 'rb') as handle:
    image = base64.b64encode(handle.read()).decode('utf-8')
r = requests.post(ADDRESS, headers=headers, data=json.dumps({"base64": image}))
""",
}


def theirs(form: str) -> str:
    return (START + MIDDLES[form] + END).replace("ADDRESS", ADDRESS)


def moved(script: str, live: Live, web: Web, **values: str) -> str:
    """Change host, token and project; and the URL of the image to one that is there."""
    changes = {
        THEIR_HOST: live.url,
        "your_token": live.token,
        "your_project_id": str(live.project),
        "https://example.com": web.url,
    }
    for old, new in (changes | values).items():
        script = script.replace(old, new)
    return script


def output(script: str, folder: Path) -> str:
    (folder / "photo.jpg").write_bytes(PHOTO)
    (folder / "theirs.py").write_text(script)
    command = [sys.executable, "theirs.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("form", MIDDLES)
def test_a_script_for_the_other_product_gets_its_labels(
    form: str, live: Live, web: Web, tmp_path: Path
) -> None:
    labels = json.loads(output(moved(theirs(form), live, web), tmp_path))
    assert labels[0]["label"] == "red circle"
    assert set(labels[0]) == {"label", "score"}


@pytest.mark.parametrize("form", MIDDLES)
def test_use_first_with_pythons_true_gives_one_label(
    form: str, live: Live, web: Web, tmp_path: Path
) -> None:
    script = moved(theirs(form), live, web, **{"use_first = False": "use_first = True"})
    assert len(json.loads(output(script, tmp_path))) == 1


def test_save_with_pythons_true_labels_the_image(live: Live, web: Web, tmp_path: Path) -> None:
    project = live.new_project("Moved")
    names = [f"red circle/{number}.jpg" for number in range(3)]
    live.upload(project, [(name, PHOTO + bytes([n])) for n, name in enumerate(names)])
    here = Live(live.url, live.token, project, live.application)
    script = moved(theirs("octet-stream"), here, web, **{"save = False": "save = True"})
    assert json.loads(output(script, tmp_path))[0]["label"] == "red circle"
    listed = live.ask("GET", f"/api/v1/projects/{project}/images")["results"]
    [saved] = [image for image in listed if image["name"] not in {n[-5:] for n in names}]
    assert [each["label"] for each in saved["labels"]] == ["red circle"]


def test_their_other_calls_work_with_the_slash_at_the_end(live: Live) -> None:
    names = live.ask("GET", f"/api/images/{live.project}/")
    assert "photo.jpg" in names
    assert live.ask("POST", "/rs/api/project/", json={"name": "Theirs"})["id"] > 0
    body = {"imageName": "photo.jpg"}
    query = f"project={live.project}&limit=10&threshold=0&and=false"
    found = live.ask("POST", f"/api/similarity?{query}", json=body)
    assert len(found) == 10
    assert set(found[0]) == {"image", "score"}
