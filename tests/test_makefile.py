"""What `make setup` says on a machine that lacks something."""

from __future__ import annotations

import runpy
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
problem = runpy.run_path(str(ROOT / "scripts" / "check_machine.py"))["problem"]


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture
def bare_checkout(tmp_path: Path) -> Path:
    """A checkout without .venv, with just what make looks at first."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "scripts"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def test_this_machine_has_all_that_is_needed():
    assert problem() is None


def test_an_old_python_is_named_with_its_version():
    assert "Python 3.9 is too old: Python 3.11 or newer is needed" in problem(version=(3, 9, 18))


def test_a_missing_compiler_is_named():
    assert "There is no C++ compiler" in problem(find=lambda name: None)


def test_missing_headers_are_named(tmp_path: Path):
    assert "Python's headers are missing" in problem(include=str(tmp_path))


def test_set_up_stops_before_pip_when_python_is_too_old(bare_checkout: Path):
    old = bare_checkout / "python-of-old"
    old.write_text("#!/bin/sh\necho 'Python 3.9 is too old' >&2; exit 1\n")
    old.chmod(0o755)
    done = make(bare_checkout, "setup", f"PYTHON={old}")
    assert done.returncode != 0
    assert "Python 3.9 is too old" in done.stderr
    assert not (bare_checkout / ".venv").exists()


def test_a_python_that_is_not_there_is_named(bare_checkout: Path):
    done = make(bare_checkout, "setup", "PYTHON=no-such-python")
    assert done.returncode != 0
    assert "There is no 'no-such-python': install Python 3.11 or newer" in done.stdout


def test_make_alone_lists_what_there_is():
    listed = make(ROOT).stdout
    for target in ("setup", "demo", "run", "test", "test-postgresql", "ci", "clean"):
        assert f"make {target} " in listed


def test_without_a_chromium_and_a_way_to_install_it_a_sentence_says_how(tmp_path: Path):
    done = subprocess.run(
        ["/bin/sh", str(ROOT / "scripts" / "chromium.sh")],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1
    assert "the browser tests will not be run" in done.stdout
    assert "install your system's package 'chromium'" in done.stdout
