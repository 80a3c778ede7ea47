"""The real application with its real worker, fed from disk, as a zip and as a folder over HTTP."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import queue
import threading
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.running import Application

REQUEST_FILES = 50
SENDERS = 3
"""As static/js/upload-send.js sends a folder."""
BOUNDARY = "bench-boundary"


@contextmanager
def started(data: Path) -> Iterator[Application]:
    """Run the application in a data folder, which this process uses too."""
    os.environ["LABELING_DATA"] = str(data)
    os.environ["DJANGO_SETTINGS_MODULE"] = "labeling.settings"
    application = Application(data)
    try:
        application.wait_for_link()
        import django

        django.setup()
        yield application
    finally:
        application.end()


class Ingest:
    """Roads into the application; each takes files into a new project and returns the seconds from
    the first file until the last one has its vector."""

    def __init__(self, application: Application) -> None:
        from projects.models import Scope
        from projects.services.local import local_user
        from projects.services.tokens import create_token

        self.application = application
        self.user = local_user()
        self.address = urlsplit(application.wait_for_link()).netloc
        self.token = create_token(self.user, name=f"bench {time.time()}", scope=Scope.WRITE)[1]

    def from_disk(self, paths: Sequence[Path]) -> float:
        """Through the service that `manage.py add_folder` is, in this process."""
        from projects.models import Upload
        from projects.services.disk import add_from_disk
        from projects.services.uploads import finish_upload, start_upload
        from projects.tasks import look_for_work

        def add(project: int) -> None:
            upload = start_upload(self._project(project), self.user, kind=Upload.Kind.FOLDER)
            for _ in add_from_disk(upload, [(_path_of(path), path) for path in paths]):
                look_for_work()
            finish_upload(upload)

        return self._timed(add, len(paths))

    def as_zip(self, paths: Sequence[Path]) -> float:
        packed = paths[0].parents[1] / "all.zip"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
            for path in paths:
                archive.write(path, _path_of(path))

        def send(project: int) -> None:
            connection = http.client.HTTPConnection(self.address, timeout=600)
            head = _head("file", "all.zip")
            size = len(head) + packed.stat().st_size + len(_END)
            with packed.open("rb") as file:
                blocks = iter(lambda: file.read(1 << 20), b"")
                body = itertools.chain([head], blocks, [_END])
                self._post(connection, f"projects/{project}/uploads/zip", body, size)

        try:
            return self._timed(send, len(paths))
        finally:
            packed.unlink()

    def as_folder(self, paths: Sequence[Path]) -> float:
        """As a browser sends one: a few connections, 50 files a request."""
        starts = range(0, len(paths), REQUEST_FILES)
        portions: queue.SimpleQueue[Sequence[Path]] = queue.SimpleQueue()

        def send_some(project: int) -> None:
            connection = http.client.HTTPConnection(self.address, timeout=600)
            while True:
                try:
                    some = portions.get_nowait()
                except queue.Empty:
                    return
                body = b"".join([*_parts(some), _END])
                self._post(connection, f"projects/{project}/uploads", [body], len(body))

        def send(project: int) -> None:
            for start in starts:
                portions.put(paths[start : start + REQUEST_FILES])
            senders = [threading.Thread(target=send_some, args=[project]) for _ in range(SENDERS)]
            for sender in senders:
                sender.start()
            for sender in senders:
                sender.join()

        return self._timed(send, len(paths))

    def _timed(self, add: Callable[[int], None], number: int) -> float:
        from projects.services.projects import create_project

        project = create_project(self.user, name=f"Bench {time.time()}", multi_label=False)
        start = time.perf_counter()
        add(project.pk)
        # A zip is unpacked meanwhile. Asking costs 0.5 ms of a core that the worker could use.
        while project.images.pending().exists() or project.images.count() < number:
            time.sleep(0.1)
        seconds = time.perf_counter() - start
        assert project.images.embedded().count() == number
        return seconds

    def _project(self, pk: int):
        from projects.models import Project

        return Project.objects.get(pk=pk)

    def _post(
        self, connection: http.client.HTTPConnection, path: str, body: Iterable[bytes], size: int
    ) -> None:
        headers = {
            "X-Auth-token": self.token,
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
            "Content-Length": str(size),
        }
        connection.request("POST", f"/api/v1/{path}", body, headers)
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status in {201, 202}, content
        results = json.loads(content).get("results", [])
        assert all(each["outcome"] == "added" for each in results), content


_END = f"\r\n--{BOUNDARY}--\r\n".encode()


def _head(field: str, file_name: str = "") -> bytes:
    named = f'; filename="{file_name}"' if file_name else ""
    disposition = f'Content-Disposition: form-data; name="{field}"{named}'
    return f"\r\n--{BOUNDARY}\r\n{disposition}\r\n\r\n".encode()


def _parts(paths: Sequence[Path]) -> Iterator[bytes]:
    for path in paths:
        yield _head("path") + _path_of(path).encode()
        yield _head("file", "file")
        yield path.read_bytes()


def _path_of(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def cpu_seconds(application: Application) -> float:
    """Return the processor time so far of the application and of this process."""
    told = [_stat(pid) for pid in application.processes()]
    ticks = sum(int(fields[11]) + int(fields[12]) for fields in told if fields)
    return ticks / os.sysconf("SC_CLK_TCK") + time.process_time()


def _stat(pid: int) -> list[str]:
    """What /proc says of a process after its name; nothing if it has just ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def worker_mb(application: Application) -> float:
    """Return the memory of the worker's processes, what they share counted once, in MB."""
    workers = [pid for pid, line in application.processes().items() if "celery" in line]
    return sum(_pss_kb(pid) for pid in workers) / 1024


def _pss_kb(pid: int) -> int:
    try:
        told = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:  # it has just ended
        return 0
    return int(next(line for line in told.splitlines() if line.startswith("Pss:")).split()[1])
