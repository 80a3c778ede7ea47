"""deploy/*.conf in a real nginx, in front of a real web server. Not run where nginx is missing."""

from __future__ import annotations

import getpass
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from .drawings import picture_bytes
from .running import ROOT, free_port, wait_until
from .team import Team

nginx = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
pytestmark = pytest.mark.skipif(nginx is None, reason="nginx is not installed")


@dataclass
class Site:
    """nginx in front of a team's web server."""

    url: str
    team: Team


def configured(folder: Path, *, site: str, replacements: dict[str, str]) -> Path:
    """Write the files of deploy/ with this machine's paths and ports; return the main one."""
    for name in ("nginx.conf", "locations.conf", f"{site}.conf"):
        text = (ROOT / "deploy" / name).read_text()
        for wanted, ours in replacements.items():
            text = text.replace(wanted, ours)
        (folder / ("site.conf" if name == f"{site}.conf" else name)).write_text(text)
    return folder / "nginx.conf"


def replacements(folder: Path, *, port: int, web: int, data: Path) -> dict[str, str]:
    return {
        # First: our own paths may hold it.
        "/tmp/": f"{folder}/",
        "/etc/nginx/site.conf": str(folder / "site.conf"),
        "/etc/nginx/locations.conf": str(folder / "locations.conf"),
        "/etc/nginx/tls": str(folder),
        "/var/cache/nginx": str(folder),
        "/data/media/": f"{data}/media/",
        "web:8000": f"127.0.0.1:{web}",
        "listen 8080": f"listen 127.0.0.1:{port}",
        "listen 8443": f"listen 127.0.0.1:{free_port()}",
        "worker_processes auto;": f"worker_processes 1; user {getpass.getuser()};",
    }


@pytest.fixture(scope="module")
def site(encoder_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data, folder = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("nginx")
    team = Team(data, broker="", LABELING_X_ACCEL=1)
    port = free_port()
    main = configured(
        folder, site="http", replacements=replacements(folder, port=port, web=team.port, data=data)
    )
    process = None
    try:
        team.start_web()
        process = subprocess.Popen([nginx, "-c", main, "-g", "daemon off;"])
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: _answers(url))
        yield Site(url, team)
    finally:
        if process:
            process.terminate()
            process.wait(10)
        team.end()


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=2).ok
    except requests.RequestException:
        return False


def test_both_sites_are_valid(tmp_path):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost",
         "-keyout", tmp_path / "privkey.pem", "-out", tmp_path / "fullchain.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    for name in ("http", "https"):
        given = replacements(tmp_path, port=free_port(), web=free_port(), data=tmp_path)
        main = configured(tmp_path, site=name, replacements=given)
        done = subprocess.run([nginx, "-t", "-c", main], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_a_photo_is_sent_by_nginx_to_who_may_see_it_and_to_nobody_else(site):
    live = site.team.live()
    live.url = site.url
    project = live.new_project()
    content = picture_bytes("red circle", 5)
    live.ask("POST", f"/api/v1/projects/{project}/uploads", files=[("file", ("a.jpg", content))])
    address = f"{site.url}/api/image/{project}/a.jpg"
    answer = requests.get(address, headers={"X-Auth-token": live.token}, timeout=10)
    assert answer.content == content
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"].startswith("private")
    assert answer.headers["X-Request-ID"]
    assert "X-Accel-Redirect" not in answer.headers
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    same = {"X-Auth-token": live.token, "If-None-Match": answer.headers["ETag"]}
    assert requests.get(address, headers=same, timeout=10).status_code == 304
    stranger = requests.get(address, timeout=10)
    assert (stranger.status_code, stranger.json()["code"]) == (401, "no_token")


def test_nobody_reaches_the_folder_of_photos_or_the_metrics_through_it(site):
    media = site.team.data / "media"
    wait_until(lambda: any(media.rglob("*.jpg")))
    (photo, *_) = media.rglob("*.jpg")
    for path in (photo.relative_to(media), "", "../labeling.sqlite3", "..%2fsecret.key"):
        address = f"{site.url}/photos-of-the-data-folder/{path}"
        assert requests.get(address, timeout=10).status_code in {400, 404}
    assert requests.get(f"{site.url}/metrics", timeout=10).status_code == 404
    assert requests.get(f"{site.url}/readyz", timeout=10).json() == {"ok": True}


def test_it_says_bad_gateway_at_once_while_the_web_server_is_away(site):
    for process in site.team.started:
        site.team.kill(process)
    started = time.monotonic()
    assert requests.get(f"{site.url}/healthz", timeout=10).status_code == 502
    assert time.monotonic() - started < 6
