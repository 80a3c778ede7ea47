"""The calls as clients of the product we match make them, against a real server on a real socket.

Written from what its page says of them: `requests`, a query string built by `format`, Python's own
`True` and `False`. Only host, token and project are ours.
"""

from __future__ import annotations

import base64
import http.client
import http.server
import json
import threading
from collections.abc import Iterator

import pytest
import requests
from django.test.utils import override_settings

from projects.services import collections
from tests.drawings import picture_bytes

from .conftest import token_of

PICTURE = picture_bytes("red circle", 12)


@pytest.fixture
def host(live_server, transactional_db) -> str:
    collections.forget()
    return live_server.url


@pytest.fixture
def headers(owner) -> dict[str, str]:
    return {"X-Auth-token": token_of(owner)}


def request_url(host: str, project_id: int, *, save: bool = False, use_first: bool = False) -> str:
    threshold = 10
    return "{}/api/similarity-labels?project={}&threshold={}&save={}&use-first={}&limit={}".format(  # noqa: UP032
        host, project_id, threshold, save, use_first, 10
    )


def assert_red_circle(answer: requests.Response) -> None:
    assert answer.status_code == 200, answer.text
    assert json.loads(answer.text)[0]["label"] == "red circle"


def test_the_sample_that_sends_a_file(host, drawn, headers, tmp_path):
    path = tmp_path / "query.jpg"
    path.write_bytes(PICTURE)
    headers["Content-Type"] = "application/octet-stream"
    with path.open("rb") as handle:
        answer = requests.post(
            request_url(host, drawn.pk), headers=headers, data=handle, timeout=30
        )
    assert_red_circle(answer)


def test_the_sample_that_sends_base64(host, drawn, headers):
    headers["Content-Type"] = "application/json"
    body = json.dumps({"base64": base64.b64encode(PICTURE).decode("utf-8")})
    answer = requests.post(
        request_url(host, drawn.pk, use_first=True), headers=headers, data=body, timeout=30
    )
    assert_red_circle(answer)
    assert len(answer.json()) == 1


def test_the_sample_that_names_an_image(host, drawn, headers):
    headers["Content-Type"] = "text/plain"
    body = json.dumps({"imageName": "red-circle-000.jpg"})
    answer = requests.post(request_url(host, drawn.pk), headers=headers, data=body, timeout=30)
    assert_red_circle(answer)


@pytest.fixture
def picture_url() -> Iterator[str]:
    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(PICTURE)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/query.jpg"
    server.shutdown()
    server.server_close()


def test_the_sample_that_sends_a_url(host, drawn, headers, picture_url, settings):
    body = json.dumps({"url": picture_url})
    variables = settings.ENVIRONMENT | {"LABELING_FETCH_HOSTS": ["127.0.0.1"]}
    with override_settings(ENVIRONMENT=variables):
        answer = requests.post(
            request_url(host, drawn.pk), headers=headers, json=json.loads(body), timeout=30
        )
    assert_red_circle(answer)


def test_save_with_pythons_true_adds_the_image(host, drawn, headers):
    answer = requests.post(
        request_url(host, drawn.pk, save=True), headers=headers, data=PICTURE, timeout=30
    )
    assert_red_circle(answer)
    assert drawn.images.count() == 25


def test_chunks_of_no_announced_length_are_refused_or_read_but_never_break(host, drawn, headers):
    """Django's own test server gives no chunks; gunicorn does, and then they are read."""
    parts = (PICTURE[start : start + 500] for start in range(0, len(PICTURE), 500))
    answer = requests.post(request_url(host, drawn.pk), headers=headers, data=parts, timeout=30)
    assert answer.status_code in {200, 400}
    assert answer.headers["Content-Type"] == "application/json"


def test_a_name_with_odd_signs_survives_the_way(host, drawn, headers):
    name = "shelf/ä ö/100% #1 ?.jpg"
    url = f"{host}/api/image/{drawn.pk}/{requests.utils.quote(name)}"
    assert requests.post(url, headers=headers, data=PICTURE, timeout=30).json()["name"] == name
    assert requests.get(url, headers=headers, timeout=30).content == PICTURE
    names = requests.get(f"{host}/api/images/{drawn.pk}", headers=headers, timeout=30).json()
    assert name in names


def test_a_request_line_that_is_not_http_gets_no_traceback(host):
    connection = http.client.HTTPConnection(host.removeprefix("http://"), timeout=10)
    connection.putrequest("GET", "/api/%zz%00?project=%", skip_host=True)
    connection.endheaders()
    answer = connection.getresponse()
    assert b"Traceback" not in answer.read()
    connection.close()
