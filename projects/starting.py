"""What the start command needs before it runs anything, and refusals that say what to do."""

from __future__ import annotations

import errno
import fcntl
import http.client
import json
import os
import shutil
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from similarity.encoders import packaged_choice

from .errors import Conflict, Refusal
from .processes import Program

EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
"""Addresses that mean every interface, and where this machine itself reaches them."""

ONE_BLAS_THREAD = {
    # With two, a product of small matrices took 12 ms instead of 0.08 ms on a busy small machine.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


def take_data_folder(data: Path) -> int:
    """Return a descriptor that locks the folder for as long as it is open, here or in the guard.

    Raises:
        Conflict: another start command holds it.
    """
    lock = os.open(data / "start.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        where = _running_at(os.read(lock, 4096))
        os.close(lock)
        raise Conflict(
            f"The application is already running{where} with the data folder {data}. "
            "Stop it first, or set LABELING_DATA to another folder.",
            code="already_running",
        ) from None
    return lock


def note_address(lock: int, url: str) -> None:
    """Write where we run into the lock file, for the sentence of a second start."""
    os.ftruncate(lock, 0)
    os.pwrite(lock, json.dumps({"url": url}).encode(), 0)


def _running_at(note: bytes) -> str:
    try:
        return f" at {json.loads(note)['url']}"
    except (ValueError, KeyError):
        return ""


def refuse_without_encoder(folder: Path) -> None:
    """Raise a `Refusal` when the packaged encoder is wanted and was never built."""
    choice = packaged_choice(settings.ENVIRONMENT["LABELING_ENCODER"])
    if choice and not choice.is_built(folder):
        raise Refusal(
            f"The encoder {choice.name} is not built yet (not in {folder}): run `make setup`.",
            code="encoder_not_built",
        )


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens there; the web server inherits it, so nobody can be faster.

    Raises:
        Refusal: the port is taken or not allowed, or the host is no address of this machine.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
    except OSError:
        raise Refusal(
            f"LABELING_HOST={host!r} is no address; try 127.0.0.1.", code="bad_host"
        ) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(256)
    except OSError as problem:
        listener.close()
        raise Refusal(_why_not(problem, host, port), code="cannot_listen") from None
    return listener


def _why_not(problem: OSError, host: str, port: int) -> str:
    if problem.errno == errno.EADDRINUSE:
        other = port + 1 if port < 65535 else port - 1
        return f"Port {port} is taken; set LABELING_PORT={other}, or stop what uses {port}."
    if problem.errno == errno.EACCES:
        return f"Port {port} is not allowed for you; set LABELING_PORT to one above 1023."
    return f"LABELING_HOST={host!r} is no address of this machine; try 127.0.0.1."


def url_of(host: str, port: int) -> str:
    """Return the address under which this machine reaches what listens there."""
    host = EVERYWHERE.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def answers(url: str) -> bool:
    """Whether a page comes back from there within a second."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=1)
    try:
        connection.request("GET", "/", headers={"Host": parts.netloc})
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def clear_leftovers(data: Path) -> None:
    """Remove what only a running application needs, and a killed one could not remove.

    Messages in the queue are among it: rows are the queue, and a start looks at all of them.
    """
    leftovers = [
        *(data / "queue").glob("*.msg"),
        *(data / "incoming").glob("*.upload*"),
        *data.glob("celerybeat-schedule*"),
    ]
    for path in leftovers:
        path.unlink(missing_ok=True)
    shutil.rmtree(data / "tmp", ignore_errors=True)


def web_program(listener: socket.socket) -> Program:
    """gunicorn with threads, not preloaded: nothing of ours exists before it forks."""
    options = {
        "config": "python:labeling.web_server",
        "bind": f"fd://{listener.fileno()}",
        # One process: each would keep its own copy of a project's embeddings in memory.
        "workers": "1",
    }
    command = [sys.executable, "-m", "gunicorn", "--no-control-socket"]
    return Program(
        "web server",
        (*command, *(part for key, value in options.items() for part in (f"--{key}", value))),
        environment=_environment() | ONE_BLAS_THREAD,
        folder=settings.BASE_DIR,
        pass_fds=(listener.fileno(),),
    )


def worker_program() -> Program:
    """The Celery worker with the clock inside: one process that embeds, one that sweeps."""
    temporary = Path(settings.DATA_FOLDER) / "tmp"
    temporary.mkdir(exist_ok=True)
    worker = ("worker", "--pool=prefork", "--concurrency=1", "--beat", "--loglevel=INFO")
    # Nobody talks to a lone worker; each of these would only leave files in the queue folder.
    alone = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    return Program(
        "worker",
        (sys.executable, "-m", "celery", "--app=labeling", *worker, *alone),
        # kombu moves each message through the temporary folder; /tmp would keep a killed one's.
        environment=_environment() | {"TMPDIR": str(temporary)},
        folder=settings.BASE_DIR,
    )


def manage_program(name: str, *arguments: str) -> Program:
    """A command of manage.py."""
    return Program(
        name,
        (sys.executable, "manage.py", *arguments),
        environment=_environment(),
        folder=settings.BASE_DIR,
    )


def _environment() -> dict[str, str]:
    # A relative folder is meant from where the person stands; children stand in the checkout.
    return {"LABELING_DATA": str(settings.DATA_FOLDER)}
