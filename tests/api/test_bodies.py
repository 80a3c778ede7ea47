"""Bodies that are broken, hostile, too large or of the wrong kind: refused, nothing stored."""

from __future__ import annotations

import base64
import csv
import io
import json

import pytest

from projects.models import Image, Upload
from tests.drawings import picture_bytes

from .conftest import Script

PICTURE = picture_bytes("red circle", 60)
UNREADABLE = {400, 413, 415, 422}


@pytest.fixture
def paths(drawn) -> list[str]:
    """Every compatible call that takes an image."""
    return [
        f"/api/similarity-labels?project={drawn.pk}&save=true",
        f"/api/similarity?project={drawn.pk}",
        f"/api/image/{drawn.pk}/new.jpg",
    ]


def refused(answer, status: int, code: str) -> None:
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.content
    assert answer["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "empty_body"),
        (b"hello", 415, "not_an_image"),
        (b"null", 415, "not_an_image"),
        (b"{", 400, "bad_json"),
        (b"{}", 400, "bad_body"),
        (b"[{}]", 400, "bad_body"),
        (b'{"url": 1}', 400, "bad_body"),
        (b'{"url": ""}', 400, "bad_body"),
        (b'{"url": null}', 400, "bad_body"),
        (b'{"base64": ["a"]}', 400, "bad_body"),
        (b'{"base64": "!!"}', 400, "bad_base64"),
        (b'{"base64": "a"}', 400, "bad_base64"),
        (b'{"base64": "data:image/png;base64,"}', 400, "bad_base64"),
        (b'{"base64": "aGVsbG8="}', 415, "not_an_image"),
        (b'{"url": "http://a", "base64": "aaaa"}', 400, "bad_body"),
        (b'{"a":' * 100_000, 400, "bad_json"),
        (b'{"a": ' + b"9" * 10_000 + b"}", 400, "bad_json"),
        (b'{"base64": "\xff"}', 400, "bad_json"),
        (b"{'imageName': 'it\\'s.jpg'}", 400, "bad_json"),
        (b"{'base64': 'aaaa', 'url': 'http://a'}", 400, "bad_json"),
        (b"{'other': 'red-circle-000.jpg'}", 400, "bad_body"),
        (b"{'base64': __import__('os')}", 400, "bad_json"),
        (b'"{\\"a\\": 1}"', 400, "bad_body"),
        (b'"{"', 400, "bad_json"),
        (b'{"imageName": "a.jpg", "IMAGENAME": "b.jpg"}', 400, "bad_body"),
        (PICTURE[: len(PICTURE) // 2], 422, "truncated"),
        (b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--", 415, "multipart"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_bad_body_is_refused_with_the_right_code(script, drawn, paths, body, status, code):
    for path in paths:
        for kind in ("application/octet-stream", "application/json", "text/plain"):
            refused(script.bytes(path, body, kind), status, code)
    assert Image.objects.filter(project=drawn).count() == 24


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_json_of_other_encodings_is_read(script, drawn, encoding):
    body = json.dumps({"imageName": "red-circle-000.jpg"}).encode(encoding)
    answer = script.bytes(f"/api/similarity-labels?project={drawn.pk}", body)
    assert answer.status_code == 200


NAMED = {"imageName": "red-circle-000.jpg"}
CODED = base64.b64encode(PICTURE)


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(NAMED),
        json.dumps(json.dumps(NAMED)),
        str(NAMED),
        json.dumps({"ImageName": "red-circle-000.jpg"}),
        json.dumps({"imagename": "red-circle-000.jpg", "other": [{"key": 1}]}),
        json.dumps(NAMED | {"url": None, "base64": None}),
        f"\n {json.dumps(NAMED, indent=2)}\r\n",
        json.dumps({"base64": CODED.decode()}),
        str({"base64": CODED.decode()}),
        str({"base64": CODED}),
        json.dumps({"BASE64": f"data:image/jpeg;base64,{CODED.decode()}"}),
    ],
    ids=lambda body: body[:36],
)
@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain", "application/octet-stream", "image/jpeg", ""]
)
def test_json_is_read_however_a_client_spells_it(script, drawn, body, kind):
    path = f"/api/similarity-labels?project={drawn.pk}"
    answer = script.bytes(path, body.encode(), kind)
    assert answer.status_code == 200, answer.content
    assert answer.json()[0]["label"] == "red circle"


@pytest.mark.parametrize("name", ["missing.jpg", "\0", "\ud800", "x" * 300, " ", "../..", "😀" * 9])
def test_an_image_that_is_not_there_is_said_so(script, drawn, name):
    for call in ("similarity-labels", "similarity"):
        answer = script.send(f"/api/{call}?project={drawn.pk}", {"imageName": name})
        assert answer.status_code in {400, 404}
        assert set(answer.json()) == {"error", "code"}


@pytest.fixture
def small_limit(settings):
    settings.ENVIRONMENT = settings.ENVIRONMENT | {"LABELING_MAX_FILE_MB": 1}


def test_a_body_over_the_limit_is_413_before_it_is_read(script, drawn, paths, small_limit):
    for path in paths:
        refused(script.bytes(path, b"\0" * (2 * 1024 * 1024)), 413, "body_too_large")


def test_a_file_over_the_limit_is_refused_when_it_fits_as_base64(script, drawn, small_limit):
    content = PICTURE + b"\0" * (1024 * 1024 + 1)
    body = {"base64": base64.b64encode(content[: 1024 * 1024 + 20_000]).decode()}
    answer = script.send(f"/api/image/{drawn.pk}/new.jpg", body)
    assert answer.status_code == 413
    assert (Image.objects.count(), Upload.objects.count()) == (24, 1)


def test_a_body_that_ends_before_its_length_is_refused(script, drawn, paths):
    for path in paths:
        cut_off = {"wsgi.input": io.BytesIO(PICTURE), "CONTENT_LENGTH": str(len(PICTURE) + 1)}
        refused(script.bytes(path, PICTURE, **cut_off), 400, "body_cut_off")
    assert Image.objects.filter(project=drawn).count() == 24


def test_chunks_of_no_announced_length_are_read(script, drawn):
    answer = script.bytes(
        f"/api/similarity-labels?project={drawn.pk}",
        PICTURE,
        **{"wsgi.input": io.BytesIO(PICTURE), "CONTENT_LENGTH": ""},
        HTTP_TRANSFER_ENCODING="chunked",
    )
    assert answer.json()[0]["label"] == "red circle"


def hostile_files(shared_data) -> list:
    with (shared_data / "hostile" / "MANIFEST.csv").open() as manifest:
        return [shared_data / "hostile" / row["file"] for row in csv.DictReader(manifest)]


def test_hostile_files_are_read_or_refused_in_every_form(script: Script, drawn, shared_data):
    path = f"/api/similarity-labels?project={drawn.pk}"
    for file in hostile_files(shared_data):
        content = file.read_bytes()
        by_bytes = script.bytes(path, content)
        coded = base64.b64encode(content).decode()
        by_base64 = script.send(path, {"base64": coded})
        assert by_bytes.status_code in {200, *UNREADABLE}, file
        if content:
            assert by_bytes.status_code == by_base64.status_code, file
            assert by_bytes.json() == by_base64.json(), file
        if by_bytes.status_code != 200:
            assert by_bytes.json().keys() == {"error", "code"}, file
    assert Image.objects.filter(project=drawn).count() == 24
