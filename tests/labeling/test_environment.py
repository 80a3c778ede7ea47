"""Environment variables: defaults, and sentences for values that cannot be used."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from labeling.environment import VARIABLES, BadEnvironment, read_environment

SECRET = {variable.name for variable in VARIABLES if variable.secret}


def test_everything_is_optional():
    values = read_environment({})
    assert values["LABELING_HOST"] == "127.0.0.1"
    assert values["LABELING_PORT"] == 8000
    assert set(values) == {variable.name for variable in VARIABLES}


def test_a_folder_may_be_relative_or_in_the_home():
    assert read_environment({"LABELING_DATA": "somewhere"})["LABELING_DATA"].is_absolute()
    assert read_environment({"LABELING_DATA": "~/photos"})["LABELING_DATA"] == (
        Path.home().resolve() / "photos"
    )


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("LABELING_PORT", "eighty", "use a whole number from 1 to 65535"),
        ("LABELING_PORT", "0", "use a whole number from 1 to 65535"),
        ("LABELING_PORT", "65536", "use a whole number from 1 to 65535"),
        ("LABELING_PORT", "", "use a whole number from 1 to 65535"),
        ("LABELING_DATA", "", "use the path of a folder"),
        ("LABELING_HOST", " ", "use an address of this machine, such as 127.0.0.1"),
        ("LABELING_ENCODER", "resnet", "efficientnet-lite0+lite2, or open_clip:<model>/<weights>"),
        (
            "LABELING_ENCODER",
            "open_clip:",
            "efficientnet-lite0+lite2, or open_clip:<model>/<weights>",
        ),
        ("LABELING_THREADS", "-1", "use a whole number from 1 to 256"),
        ("LABELING_MAX_FILE_MB", "1.5", "use a whole number from 1 to 4096"),
        ("LABELING_DEBUG", "maybe", "use 1 or 0"),
        ("DATABASE_URL", "mysql://host/name", "use a URL that starts with sqlite://"),
        ("DATABASE_URL", "/a/path", "use a URL that starts with sqlite://"),
        ("CELERY_BROKER_URL", "amqp://host", "or redis://"),
        ("LABELING_MEDIA", "/srv/photos", "s3://bucket"),
        ("LABELING_MEDIA", "s3://", "s3://bucket"),
        ("LABELING_S3_ENDPOINT", "minio", "use a URL that starts with http://"),
        ("LABELING_LOG", "yaml", "use one of text, json"),
        ("LABELING_METRICS_TOKEN", "abc", "less than 50 characters"),
    ],
)
def test_a_bad_value_is_named_with_its_remedy(name: str, value: str, remedy: str):
    with pytest.raises(BadEnvironment) as problem:
        read_environment({name: value})
    told = name if name in SECRET else f"{name}={value!r}"
    assert str(problem.value).startswith(f"{told} cannot be used: ")
    assert remedy in str(problem.value)


@pytest.mark.parametrize("name", sorted(SECRET))
def test_a_secret_that_cannot_be_used_is_not_told_to_the_log(name: str):
    with pytest.raises(BadEnvironment) as problem:
        read_environment({name: "x://kitten:hunter2"})
    assert "hunter2" not in str(problem.value)


@pytest.mark.parametrize(
    "sample",
    [
        "short",
        "django-insecure-0123456789abcdefghijklmnopqrstuvwxyz",
        "change-me-0123456789abcdefghijklmnopqrstuvwxyz",
        "x" * 64,
    ],
)
def test_a_key_out_of_a_guide_is_refused(sample: str):
    with pytest.raises(BadEnvironment, match=r"secrets\.token_urlsafe"):
        read_environment({"SECRET_KEY": sample})


def test_a_key_made_as_told_is_taken():
    for _ in range(200):
        key = secrets.token_urlsafe(64)
        assert read_environment({"SECRET_KEY": key})["SECRET_KEY"] == key


def test_a_server_that_people_reach_has_no_key_by_default():
    with pytest.raises(BadEnvironment, match="LABELING_HTTPS=1 needs a SECRET_KEY"):
        read_environment({"LABELING_HTTPS": "1"})


def test_a_proxy_cannot_send_files_that_lie_in_a_bucket():
    with pytest.raises(BadEnvironment, match="leave one of them out"):
        read_environment({"LABELING_X_ACCEL": "1", "LABELING_MEDIA": "s3://photos"})


@pytest.mark.parametrize(
    ("typed", "meant"), [("1", True), ("YES", True), ("off", False), ("", False)]
)
def test_switches_take_the_usual_words(typed: str, meant: bool):
    assert read_environment({"LABELING_DEBUG": typed})["LABELING_DEBUG"] is meant
