"""Runs programs side by side and ends them together, whatever happens to any of them."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

LARGEST_LOG = 10 * 1024 * 1024
SECONDS_TO_STOP = 20.0
"""A chunk of embedding or an upload in flight may end; longer is a hang."""
LONGEST_PAUSE = 60.0
WORTH_SAYING = re.compile(r"\b(WARNING|ERROR|CRITICAL)\b(?! django\.request)")
"""Lines of a log that also go to the terminal; a browser's 404 is no news there."""


@dataclass(frozen=True)
class Program:
    """Something to run: its name is what people read and what its log is called."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    pass_fds: tuple[int, ...] = ()


class Log:
    """A file that a program writes and whose alarming lines are repeated on the terminal."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.shorten()
        self._read_to = path.stat().st_size if path.exists() else 0
        self._rest = ""

    def shorten(self) -> None:
        """Begin anew when it is large, keeping the old once. Writers append, so none minds."""
        if self.path.exists() and self.path.stat().st_size > LARGEST_LOG:
            shutil.copyfile(self.path, self.path.with_suffix(".old.log"))
            os.truncate(self.path, 0)
            self._read_to = 0

    def alarming_lines(self) -> Iterator[str]:
        """Yield what was written since the last call and is worth saying."""
        with self.path.open(errors="replace") as file:
            file.seek(self._read_to)
            text = self._rest + file.read()
            self._read_to = file.tell()
        *lines, self._rest = text.split("\n")
        yield from filter(WORTH_SAYING.search, lines)
        self.shorten()


class Child:
    """A running program, leader of a process group of its own.

    In its own group it gets no Ctrl-C from the terminal: the supervisor decides who stops when.
    """

    def __init__(self, program: Program, log: Log | None) -> None:
        self.program = program
        self.log = log
        self.started_at = time.monotonic()
        with (log.path if log else Path(os.devnull)).open("ab") as output:
            self.process = subprocess.Popen(  # noqa: S603
                program.command,
                cwd=program.folder,
                env={**os.environ, **program.environment},
                stdin=subprocess.DEVNULL,
                stdout=output if log else None,
                stderr=output if log else None,
                start_new_session=True,
                pass_fds=program.pass_fds,
            )

    @property
    def log_path(self) -> Path | None:
        return self.log.path if self.log else None

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def ask_to_stop(self) -> None:
        # The leader only: a Celery pool whose processes got this too would drop its task half done.
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()

    def end(self) -> None:
        """Kill whatever is left of its group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Guard:
    """The process that ends our children if we are killed; see `projects.guard`."""

    def __init__(self, *, pass_fds: tuple[int, ...] = ()) -> None:
        read_end, self._pipe = os.pipe()
        self.process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", "-S", str(Path(__file__).with_name("guard.py"))],
            stdin=read_end,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=pass_fds,
        )
        os.close(read_end)

    def watch(self, child: Child) -> None:
        self._tell(f"+{child.process.pid}")

    def forget(self, child: Child) -> None:
        self._tell(f"-{child.process.pid}")

    def dismiss(self) -> None:
        """Have it end those children that nobody said to forget, and itself."""
        os.close(self._pipe)
        self.process.wait()

    def _tell(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            os.write(self._pipe, f"{line}\n".encode())


class Supervisor:
    """Starts programs, repeats their alarms, starts some of them again, and ends them all.

    Use it as a context manager: leaving it ends every child. `keep_fds` stay open in the guard too,
    so that a lock among them is held until the last child is gone.
    """

    def __init__(
        self, log_folder: Path, say: Callable[[str], None], *, keep_fds: tuple[int, ...] = ()
    ) -> None:
        self._log_folder = log_folder
        self._say = say
        self._keep_fds = keep_fds
        self._children: dict[str, Child] = {}
        self._forever: set[str] = set()
        self._due: dict[str, tuple[float, Program]] = {}
        self._pauses: dict[str, float] = {}
        self._asked_at: float | None = None
        self._in_a_hurry = False

    def __enter__(self) -> Supervisor:
        self._handlers = {
            number: signal.signal(number, self._on_signal)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        self._guard = Guard(pass_fds=self._keep_fds)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._guard.dismiss()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _on_signal(self, *_: object) -> None:
        now = time.monotonic()
        if self._asked_at is None:
            self._asked_at = now
        # Some senders signal a program twice at once, directly and through its parent.
        elif now - self._asked_at > 1:
            self._in_a_hurry = True

    @property
    def is_asked_to_stop(self) -> bool:
        """Whether Ctrl-C was pressed, or a signal that means the same came."""
        return self._asked_at is not None

    def start(self, program: Program, *, forever: bool = False, quiet: bool = True) -> Child:
        """Run a program; `forever` starts it again when it ends, `quiet` has it write to a log."""
        log = Log(self._log_folder / f"{program.name.replace(' ', '-')}.log") if quiet else None
        child = self._children[program.name] = Child(program, log)
        self._guard.watch(child)
        if forever:
            self._forever.add(program.name)
        return child

    def tend(self) -> None:
        """Do what is due: repeat alarms, start again what ended. Call it some times a second."""
        for name, child in list(self._children.items()):
            for line in child.log.alarming_lines() if child.log else ():
                self._say(f"[{name}] {line}")
            if name in self._forever and not child.is_running:
                self._plan_restart(child)
        for name, (time_due, program) in list(self._due.items()):
            if time.monotonic() >= time_due:
                del self._due[name]
                self.start(program, forever=True)

    def _plan_restart(self, child: Child) -> None:
        name = child.program.name
        lived = time.monotonic() - child.started_at
        before = 0.5 if lived > LONGEST_PAUSE else self._pauses.get(name, 0.5)
        pause = self._pauses[name] = min(2 * before, LONGEST_PAUSE)
        self._due[name] = (time.monotonic() + pause, child.program)
        self._let_go(child)
        self._say(
            f"The {name} ended unexpectedly (exit code {child.process.returncode}) and starts "
            f"again in {pause:.0f} s."
            + (f" What it said is in {child.log_path}." if child.log else "")
        )

    def _let_go(self, child: Child) -> None:
        child.end()
        self._guard.forget(child)
        del self._children[child.program.name]

    def stop(self) -> None:
        """Ask every child to stop, wait, and kill what is left; a second Ctrl-C ends the wait."""
        children = list(self._children.values())
        for child in children:
            child.ask_to_stop()
        deadline = time.monotonic() + SECONDS_TO_STOP
        while any(child.is_running for child in children) and not self._in_a_hurry:
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        for child in children:
            self._let_go(child)
