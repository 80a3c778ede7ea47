"""POST /api/v1/projects/<id>/uploads/check: what need not be sent."""

from __future__ import annotations

import hashlib

import pytest

from projects.services.trash import trash_images
from tests.drawings import picture_bytes

from .conftest import Script, token_of, upload

CHECK = "/api/v1/projects/{}/uploads/check"
CAT, DOG = picture_bytes("red circle", 1), picture_bytes("red circle", 2)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def cat(project, owner, encoder_folder):
    upload(project, owner, [("cat.jpg", CAT)])
    return project


def test_it_names_the_images_that_are_there(script: Script, cat):
    answer = script.send(CHECK.format(cat.pk), {"sha256": [sha256(CAT).upper(), sha256(DOG)]})
    assert answer.status_code == 200
    assert answer.json() == {"images": {sha256(CAT): "cat.jpg"}}


def test_what_was_thrown_away_has_to_be_sent(script: Script, cat, owner):
    trash_images(cat, owner, [cat.images.get().pk])
    assert script.send(CHECK.format(cat.pk), {"sha256": [sha256(CAT)]}).json() == {"images": {}}


@pytest.mark.parametrize("given", [[], ["x"], [3], "text", ["g" * 64], ["a" * 64] * 10_001])
def test_what_is_no_list_of_hashes_is_refused(script: Script, cat, given):
    answer = script.send(CHECK.format(cat.pk), {"sha256": given})
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid"


def test_thousands_of_files_take_a_fixed_number_of_queries(
    script: Script, cat, django_assert_max_num_queries
):
    hashes = [sha256(str(number).encode()) for number in range(1800)]
    with django_assert_max_num_queries(8):
        script.send(CHECK.format(cat.pk), {"sha256": hashes})


def test_a_token_that_may_read_is_enough_and_a_stranger_gets_404(cat, owner, stranger):
    body = {"sha256": [sha256(CAT)]}
    assert Script(token_of(owner, "read")).send(CHECK.format(cat.pk), body).status_code == 200
    assert Script(token_of(stranger)).send(CHECK.format(cat.pk), body).status_code == 404
    assert Script().send(CHECK.format(cat.pk), body).status_code == 401
