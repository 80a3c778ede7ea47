"""The link that signs in."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from projects.services.local import forget_enter_token, local_user, make_enter_token

pytestmark = pytest.mark.django_db


def signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_the_link_signs_in_the_person_of_this_laptop(client: Client):
    answer = client.get(f"/enter/{make_enter_token()}/")
    assert answer.headers["Location"] == "/"
    assert client.session["_auth_user_id"] == str(local_user().pk)


def test_a_new_start_makes_older_links_useless(client: Client):
    older = make_enter_token()
    make_enter_token()
    answer = client.get(f"/enter/{older}/")
    assert answer.status_code == 403
    assert "earlier start" in answer.text
    assert not signed_in(client)


@pytest.mark.parametrize("token", ["x", "é", "0" * 64, "a" * 5000])
def test_guesses_do_not_sign_in(client: Client, token: str):
    make_enter_token()
    assert client.get(f"/enter/{token}/").status_code == 403
    assert not signed_in(client)


def test_no_link_signs_in_where_the_start_command_does_not_run(client: Client):
    token = make_enter_token()
    forget_enter_token()
    assert client.get(f"/enter/{token}/").status_code == 403


def test_an_old_link_leads_on_who_is_signed_in_already(owner_client: Client):
    assert owner_client.get("/enter/old/").headers["Location"] == "/"


def test_the_link_is_not_kept_by_browsers_or_proxies(client: Client):
    answer = client.get(f"/enter/{make_enter_token()}/")
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["Referrer-Policy"] == "same-origin"


def test_only_a_hash_is_kept_and_only_its_owner_reads_it():
    token = make_enter_token()
    path = Path(settings.DATA_FOLDER) / "enter.sha256"
    assert token not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_local_person_has_no_password_and_no_special_rights():
    user = local_user()
    assert user == local_user()
    assert not user.has_usable_password()
    assert not user.is_superuser
    assert not user.is_staff
    assert User.objects.count() == 1


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_a_request_without_our_token_is_told_to_reload(accept: str, admin_client: Client):
    client = Client(enforce_csrf_checks=True)
    client.cookies = admin_client.cookies
    answer = client.post("/projects/new", {"name": "x"}, headers={"Accept": accept})
    assert answer.status_code == 403
    assert "Reload the page" in answer.text
    assert answer.headers["Content-Type"].startswith(accept)


def test_a_module_is_told_in_a_sentence_that_a_project_is_gone(admin_client: Client):
    answer = admin_client.get("/projects/99999/state", headers={"Accept": "application/json"})
    assert answer.status_code == 404
    assert answer.json()["error"].startswith("That is not there any more")
