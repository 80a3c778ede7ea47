"""Requests that are sent again, and those that are not."""

from __future__ import annotations

import time

import pytest
from alike_client import AlikeError, Client, RequestRefused, Unreachable, transport

from ..running import free_port
from .conftest import Scripted

PROJECT = {
    "id": 7,
    "name": "Pets",
    "multi_label": False,
    "role": "owner",
    "images": 0,
    "labeled": 0,
    "of a newer server": 1,
}


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "FIRST_WAIT", 0.01)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_server_is_asked_again(scripted: Scripted, status: int) -> None:
    scripted.will_answer(status)
    scripted.will_answer(status)
    scripted.will_answer(200, PROJECT)
    assert Client(scripted.url, "t").project(7).name == "Pets"
    assert len(scripted.asked) == 3


def test_a_lost_connection_is_tried_again(scripted: Scripted) -> None:
    scripted.will_answer(0)
    scripted.will_answer(200, PROJECT)
    assert Client(scripted.url, "t").project(7).id == 7


def test_retry_after_is_waited_for(scripted: Scripted) -> None:
    scripted.will_answer(503, {"error": "Busy.", "code": "busy"}, Retry_After="1")
    scripted.will_answer(200, PROJECT)
    begun = time.monotonic()
    Client(scripted.url, "t").project(7)
    assert time.monotonic() - begun >= 1


def test_a_quota_of_the_day_is_not_waited_for(scripted: Scripted) -> None:
    scripted.will_answer(429, {"error": "Tomorrow.", "code": "quota"}, Retry_After="30000")
    with pytest.raises(RequestRefused, match=r"Tomorrow\.") as refused:
        Client(scripted.url, "t").project(7)
    assert (refused.value.code, refused.value.retry_after) == ("quota", 30000)
    assert len(scripted.asked) == 1


def test_a_write_has_one_key_for_all_its_tries_and_another_one_the_next_time(
    scripted: Scripted,
) -> None:
    client = Client(scripted.url, "t")
    for status in (503, 200, 200):
        scripted.will_answer(status, PROJECT if status == 200 else None)
    client.create_project("Pets")
    client.create_project("Pets")
    first, again, other = scripted.keys()
    assert first == again != other
    assert first


def test_it_gives_up_after_its_retries_with_the_servers_sentence(scripted: Scripted) -> None:
    for _ in range(3):
        scripted.will_answer(503, {"error": "Busy.", "code": "busy"}, Retry_After="0")
    with pytest.raises(RequestRefused, match="Busy") as refused:
        Client(scripted.url, "t", retries=2).project(7)
    assert (refused.value.status, refused.value.code) == (503, "busy")
    assert len(scripted.asked) == 3


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422])
def test_what_later_would_not_change_is_not_tried_again(scripted: Scripted, status: int) -> None:
    scripted.will_answer(status, {"error": "No.", "code": "no"})
    with pytest.raises(RequestRefused, match="No"):
        Client(scripted.url, "t").project(7)
    assert len(scripted.asked) == 1


def test_the_token_does_not_follow_a_redirect(scripted: Scripted) -> None:
    scripted.will_answer(302, None, Location="https://example.com/elsewhere")
    with pytest.raises(RequestRefused, match=r"leads on to https://example\.com/elsewhere"):
        Client(scripted.url, "t").project(7)
    assert len(scripted.asked) == 1


def test_a_server_that_is_not_there_is_said_in_a_sentence() -> None:
    with pytest.raises(Unreachable, match="does not answer"):
        Client(f"http://127.0.0.1:{free_port()}", "t", retries=1).projects()


@pytest.mark.parametrize(
    ("host", "token", "code"),
    [
        ("localhost:8000", "t", "bad_host"),
        ("ftp://x", "t", "bad_host"),
        ("http://x", "", "no_token"),
        ("http://x", "a\nb", "no_token"),
    ],
)
def test_a_host_or_token_that_cannot_be_is_refused(host: str, token: str, code: str) -> None:
    with pytest.raises(AlikeError) as refused:
        Client(host, token)
    assert refused.value.code == code


def test_a_list_is_read_to_its_end_also_behind_a_proxy(scripted: Scripted) -> None:
    further = "http://inside:8000/api/v1/projects?limit=1000&cursor=abc"
    scripted.will_answer(200, {"results": [PROJECT], "next": further})
    scripted.will_answer(200, {"results": [PROJECT | {"id": 8}], "next": None})
    assert [each.id for each in Client(scripted.url, "t").projects()] == [7, 8]
    assert scripted.asked[1][0] == "GET /api/v1/projects?limit=1000&cursor=abc"
