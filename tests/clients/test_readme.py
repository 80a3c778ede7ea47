"""The code in the client's README does what it says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from alike_client.command import options_of

from ..api.samples import put_in
from ..live import PHOTO, Live
from ..running import ROOT

README = (ROOT / "clients" / "python" / "README.md").read_text()


def test_the_code_runs(
    live: Live,
    drawn_pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    project = live.new_project()
    files = sorted(drawn_pictures.glob("*/*.jpg"))
    live.upload(project, [(f"{file.parent.name}/{file.name}", file.read_bytes()) for file in files])
    (tmp_path / "photos").mkdir()
    for path in ("photo.jpg", "photos/photo.jpg"):
        (tmp_path / path).write_bytes(PHOTO)
    monkeypatch.chdir(tmp_path)
    [code] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(put_in(code, replace(live, project=project)), {})
    printed = capsys.readouterr().out
    assert printed.startswith("red circle ")
    assert "not_found There is no such" in printed
    assert (tmp_path / "labels.csv").read_text().count("\n") == 26


@pytest.mark.parametrize("line", re.findall(r"^label (.*)$", README, re.MULTILINE))
def test_the_commands_are_understood(line: str) -> None:
    assert options_of(line.partition("#")[0].split())
