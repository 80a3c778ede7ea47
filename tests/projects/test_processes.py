"""The supervisor, with programs of a line each."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from projects import processes
from projects.processes import Log, Program, Supervisor

from ..running import ROOT, processes_with, wait_until

SLEEP = "import time; time.sleep(60)"
STUBBORN = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    f"print('up', flush=True); {SLEEP}"
)


def python(code: str, *, name: str = "program") -> Program:
    return Program(name, (sys.executable, "-S", "-c", code))


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str]) -> Iterator[Supervisor]:
    with Supervisor(tmp_path, said.append) as supervisor:
        yield supervisor


def tend_until(supervisor: Supervisor, holds) -> None:
    def tended() -> bool:
        supervisor.tend()
        return holds()

    wait_until(tended)


def test_alarms_reach_the_terminal_and_the_rest_the_log(supervisor, said, tmp_path):
    supervisor.start(python("print('INFO fine'); print('ERROR bad')"))
    tend_until(supervisor, lambda: said)
    assert said == ["[program] ERROR bad"]
    assert (tmp_path / "program.log").read_text() == "INFO fine\nERROR bad\n"


def test_a_program_for_ever_is_started_again_and_each_time_later(supervisor, said):
    supervisor.start(python("raise SystemExit(3)"), forever=True)
    tend_until(supervisor, lambda: len(said) == 2)
    assert "(exit code 3) and starts again in 1 s." in said[0]
    assert "starts again in 2 s." in said[1]


def test_other_programs_may_end(supervisor, said):
    child = supervisor.start(python(""))
    wait_until(lambda: not child.is_running)
    supervisor.tend()
    assert said == []


def test_a_program_that_will_not_stop_is_killed(supervisor, monkeypatch, tmp_path):
    monkeypatch.setattr(processes, "SECONDS_TO_STOP", 0.3)
    child = supervisor.start(python(STUBBORN))
    wait_until(lambda: "up" in (tmp_path / "program.log").read_text())
    supervisor.stop()
    assert child.process.returncode == -signal.SIGKILL


def test_a_signal_asks_to_stop(supervisor):
    assert not supervisor.is_asked_to_stop
    os.kill(os.getpid(), signal.SIGTERM)
    wait_until(lambda: supervisor.is_asked_to_stop)


def test_a_second_ctrl_c_ends_the_wait(supervisor, tmp_path):
    supervisor.start(python(STUBBORN))
    wait_until(lambda: "up" in (tmp_path / "program.log").read_text())
    supervisor._on_signal()
    supervisor._asked_at -= 2
    supervisor._on_signal()
    began = time.monotonic()
    supervisor.stop()
    assert time.monotonic() - began < 2


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks into /proc")
def test_when_the_supervisor_is_killed_even_grandchildren_end(tmp_path):
    grandchild = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {STUBBORN!r}])"
    )
    script = f"""
from pathlib import Path
import sys, time
from projects.processes import Program, Supervisor
with Supervisor(Path({str(tmp_path)!r}), print) as supervisor:
    supervisor.start(Program("program", (sys.executable, "-S", "-c", {grandchild!r})))
    time.sleep(60)
"""
    mark = f"TEST_MARK={tmp_path}"
    killed = subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, env=os.environ | {"TEST_MARK": str(tmp_path)}
    )
    wait_until(lambda: (tmp_path / "program.log").exists())
    wait_until(lambda: "up" in (tmp_path / "program.log").read_text())
    assert len(processes_with(mark)) == 4
    killed.kill()
    killed.wait()
    wait_until(lambda: not processes_with(mark))


def test_a_log_that_has_grown_large_begins_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "LARGEST_LOG", 100)
    path = tmp_path / "web.log"
    path.write_text("x" * 101)
    log = Log(path)
    assert path.stat().st_size == 0
    assert (tmp_path / "web.old.log").stat().st_size == 101
    path.write_text("ERROR new\n")
    assert list(log.alarming_lines()) == ["ERROR new"]


def test_half_a_line_waits_for_its_end(tmp_path):
    log = Log(tmp_path / "web.log")
    with log.path.open("a") as file:
        file.write("ERR")
        file.flush()
        assert list(log.alarming_lines()) == []
        file.write("OR late\n")
        file.flush()
        assert list(log.alarming_lines()) == ["ERROR late"]
