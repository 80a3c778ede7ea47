"""How long one octet-stream request takes on a labeled project, and where the time goes.

    python -m benchmarks.api_latency [FOLDER] [--requests 100]

FOLDER holds a folder of images for each label; without it, 1,020 pictures are drawn. All are
uploaded and labeled; asked about are copies with one byte more at their end, so that each is an
image the project does not know and is decoded and embedded. The real application answers, started
as a person starts it, in a data folder of its own.
"""

from __future__ import annotations

import argparse
import http.client
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.figures import say  # noqa: E402
from tests.drawings import KINDS, write_pictures  # noqa: E402
from tests.running import Application  # noqa: E402

GOAL_MS = 150.0
PARTS = ("decode", "embed", "search", "vote")
PART = re.compile(r"(\w+);dur=([\d.]+)")
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--requests", type=int, default=100)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as data:
        folder = chosen.folder or write_pictures(Path(data) / "pictures", kinds=KINDS, each=170)
        measure(folder, Path(data) / "data", chosen.requests)


def measure(folder: Path, data: Path, requests: int) -> None:
    files = sorted(file for file in folder.glob("*/*") if file.suffix.lower() in SUFFIXES)
    random.Random(1).shuffle(files)
    application = Application(data)
    try:
        link = application.wait_for_link()
        server = Server(link.partition("/enter/")[0], data)
        project = server.make_project(files)
        asked = [files[number % len(files)].read_bytes() + b"\0" for number in range(requests + 1)]
        times = [server.ask(project, content) for content in asked][1:]
    finally:
        application.end()
    report(times, labeled=len(files))


class Server:
    """The application, as a script sees it: one connection, one token."""

    def __init__(self, url: str, data: Path) -> None:
        self.address = urlsplit(url).netloc
        self.connection = http.client.HTTPConnection(self.address, timeout=120)
        environment = os.environ | {"LABELING_DATA": str(data)}
        command = [sys.executable, "manage.py", "create_token", "bench", "--scope", "write"]
        said = subprocess.run(
            command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True
        )
        self.token = said.stdout.strip().splitlines()[-1]

    def send(self, method: str, path: str, body: bytes = b"", kind: str = "") -> tuple[bytes, str]:
        headers = {"X-Auth-token": self.token, "Content-Type": kind}
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            sys.exit(f"{method} {path} answered {answer.status}: {content.decode()}")
        return content, answer.getheader("Server-Timing") or ""

    def make_project(self, files: list[Path]) -> int:
        """Upload and label the files, and wait until the worker has embedded them."""
        made, _ = self.send("POST", "/api/project", b'{"name": "Bench"}', "application/json")
        project = int(re.sub(rb"\D", b"", made))
        for start in range(0, len(files), 50):
            self.upload(project, files[start : start + 50])
        path = f"/api/v1/projects/{project}/images?show=pending&limit=1"
        while b'"results":[]' not in self.send("GET", path)[0]:
            time.sleep(0.5)
        return project

    def upload(self, project: int, files: list[Path]) -> None:
        boundary = b"bench-boundary"
        parts = [b'Content-Disposition: form-data; name="label_by_folder"\r\n\r\ntrue']
        for file in files:
            path = f"{file.parent.name}/{file.name}".encode()
            parts.append(b'Content-Disposition: form-data; name="path"\r\n\r\n' + path)
            head = b'Content-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
            parts.append(head + file.read_bytes())
        body = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
        kind = f"multipart/form-data; boundary={boundary.decode()}"
        path = f"/api/v1/projects/{project}/uploads"
        self.send("POST", path, body + b"--" + boundary + b"--\r\n", kind)

    def ask(self, project: int, content: bytes) -> dict[str, float]:
        """Return the milliseconds of one request, and of its parts."""
        start = time.perf_counter()
        path = f"/api/similarity-labels?project={project}&threshold=30"
        _, timing = self.send("POST", path, content, "application/octet-stream")
        taken = {name: float(ms) for name, ms in PART.findall(timing)}
        taken["all"] = 1000 * (time.perf_counter() - start)
        return taken


def report(times: list[dict[str, float]], *, labeled: int) -> None:
    rows: dict[str, list[float]] = defaultdict(list)
    for taken in times:
        for name in PARTS:
            rows[name].append(taken.get(name, 0.0))
        rows["rest"].append(taken["all"] - sum(taken.get(name, 0.0) for name in PARTS))
    whole = [taken["all"] for taken in times]
    median = statistics.median(whole)
    slow = sorted(whole)[int(0.95 * len(whole))]
    parts = ", ".join(f"{name} {statistics.median(ms):.1f}" for name, ms in rows.items())
    note = (
        f"an image's bytes in, labels out: {len(times)} requests one after another against "
        f"{labeled:,} labeled images; median of each part, ms: {parts}"
    )
    say("api_request_median_ms", median, "ms", at_most=GOAL_MS, note=note)
    say("api_request_p95_ms", slow, "ms")


if __name__ == "__main__":
    main()
