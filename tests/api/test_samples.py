"""The samples of docs/api/samples do what they say against a running server.

Those for browsers are in tests/browser/test_api_samples.py.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from ..live import PHOTO, Live, Web
from .samples import ENDINGS, FORMS, SAMPLES, filled, put_in, written


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the reader runs a sample: `photo.jpg` lies there."""
    (tmp_path / "photo.jpg").write_bytes(PHOTO)
    return tmp_path


def needs(tool: str) -> str:
    found = shutil.which(tool)
    if found is None:
        pytest.skip(f"not run: there is no {tool} on this machine")
    return found


def run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


def expected(live: Live) -> list[dict[str, object]]:
    """What every sample gets: they ask about the same image in four ways."""
    body = {"imageName": "photo.jpg"}
    answer = live.ask("POST", f"/api/similarity-labels?project={live.project}", json=body)
    assert answer[0]["label"] == "red circle"
    return answer


def test_there_is_a_sample_of_each_form_in_each_language() -> None:
    wanted = {f"{form}.{ending}" for form in FORMS for ending in ENDINGS}
    assert {path.name for path in SAMPLES.iterdir() if path.is_file()} == wanted


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("form", FORMS)
def test_a_sample_is_short_and_has_its_three_places_to_fill_in(form: str, ending: str) -> None:
    text = (SAMPLES / f"{form}.{ending}").read_text()
    assert len(text.splitlines()) <= 45
    for place in ("HOST", "TOKEN", "PROJECT"):
        assert len(re.findall(rf"\b{place}\b", text)) == 1


@pytest.mark.parametrize("form", FORMS)
def test_curl(form: str, live: Live, web: Web, folder: Path) -> None:
    needs("curl")
    done = run(folder, "sh", written(folder, form, "sh", filled(form, "curl.sh", live, web)))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == expected(live)


@pytest.mark.parametrize("form", FORMS)
def test_python(form: str, live: Live, web: Web, folder: Path) -> None:
    done = run(folder, sys.executable, written(folder, form, "py", filled(form, "py", live, web)))
    assert done.returncode == 0, done.stderr
    lines = [f"{each['label']} {each['score']}" for each in expected(live)]
    assert done.stdout.splitlines() == lines


@pytest.mark.parametrize("form", FORMS)
def test_java(form: str, live: Live, web: Web, folder: Path) -> None:
    java = needs("java")
    file = written(folder, form, "java", filled(form, "java", live, web))
    done = run(folder, java, "-XX:TieredStopAtLevel=1", file)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == expected(live)


PROJECT_FILE = """<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><OutputType>Exe</OutputType><TargetFramework>net{version}</TargetFramework>
  <TreatWarningsAsErrors>true</TreatWarningsAsErrors></PropertyGroup>
</Project>
"""


@pytest.mark.parametrize("form", FORMS)
def test_csharp_compiles(form: str, live: Live, web: Web, folder: Path) -> None:
    dotnet = needs("dotnet")
    version = run(folder, dotnet, "--version").stdout.partition(".")[0]
    (folder / "sample.csproj").write_text(PROJECT_FILE.format(version=f"{version}.0"))
    written(folder, form, "cs", filled(form, "cs", live, web))
    done = run(folder, dotnet, "build", "--nologo")
    assert done.returncode == 0, done.stdout


def test_what_the_docs_begin_with(live: Live, web: Web, folder: Path) -> None:
    needs("curl")
    docs = (SAMPLES.parent / "README.md").read_text()
    command = re.search(r"```sh\n(curl .*?)```", docs, re.DOTALL)
    assert command
    done = run(folder, "sh", "-c", put_in(command[1], live))
    assert json.loads(done.stdout) == expected(live)
    error = re.search(r'```json\n(\{"error.*?)```', docs, re.DOTALL)
    assert error
    comma = live.url + f"/api/similarity-labels?project={live.project}&threshold=10,5"
    headers = {"X-Auth-token": live.token}
    told = requests.post(comma, headers=headers, data=PHOTO, timeout=60).json()
    assert told == json.loads(error[1])


@pytest.mark.parametrize("ending", ["curl.sh", "py", "java"])
def test_a_bad_token_ends_a_sample_with_the_servers_sentence(
    ending: str, live: Live, web: Web, folder: Path
) -> None:
    programs = {"curl.sh": "sh", "py": sys.executable, "java": "java"}
    needs(programs[ending])
    text = filled("octet-stream", ending, live, web, token="wrong")
    done = run(folder, programs[ending], written(folder, "octet-stream", ending, text))
    assert done.returncode != 0
    assert "The token in X-Auth-token is not valid" in done.stdout + done.stderr
