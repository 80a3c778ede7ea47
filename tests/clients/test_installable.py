"""The client can be installed alone, and needs `requests` only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest

from ..running import ROOT

SOURCE = ROOT / "clients" / "python"
BESIDE = ("requests", "urllib3", "idna", "certifi", "charset_normalizer")
"""`requests` and what it needs itself."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed client, and `requests` beside it, and nothing else."""
    # A copy: setuptools leaves build/ and *.egg-info beside what it builds.
    source = tmp_path_factory.mktemp("source") / "python"
    shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("__pycache__"))
    target = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--disable-pip-version-check", "--target", target, source]
    done = subprocess.run(command, capture_output=True, text=True)
    if "bdist_wheel" in done.stderr or "Cannot import 'setuptools" in done.stderr:
        pytest.skip("not run: there is no setuptools 70.1 or newer to build the client with")
    assert done.returncode == 0, done.stderr
    for name in BESIDE:
        package = Path(str(distribution(name).locate_file(name)))
        (target / name).symlink_to(package)
    return target


def run(installed: Path, *command: str) -> subprocess.CompletedProcess[str]:
    # -S: without the site-packages of this Python, in which everything is.
    return subprocess.run(
        [sys.executable, "-S", *command],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(installed)},
        cwd=installed,
        capture_output=True,
        text=True,
    )


def test_it_needs_requests_only() -> None:
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text())["project"]
    [needed] = project["dependencies"]
    assert needed.startswith("requests")


def test_it_runs_alone(installed: Path) -> None:
    done = run(installed, "-c", "import alike_client as a; print(a.Client('http://x', 't'))")
    assert done.returncode == 0, done.stderr
    assert "Client object" in done.stdout
    assert (installed / "alike_client" / "py.typed").exists()


def test_the_command_is_called_label(installed: Path) -> None:
    done = run(installed, str(installed / "bin" / "label"), "--help")
    assert done.returncode == 0, done.stderr
    for command in ("upload", "suggest", "export", "projects"):
        assert command in done.stdout
