"""Tokens, sessions, and pages of other origins."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from projects.models import ApiToken, Project
from projects.services.tokens import revoke_token
from tests.drawings import picture_bytes

from .conftest import Script, token_of

LIST = "/api/v1/projects"


@pytest.mark.parametrize("name", ["X-Auth-token", "x-auth-token", "X-AUTH-TOKEN", "X-Auth-Token"])
def test_the_header_is_read_in_any_case(secret, name):
    assert Client().get(LIST, headers={name: secret}).status_code == 200


def test_without_a_token_one_is_asked_for(db):
    answer = Script().get(LIST)
    assert (answer.status_code, answer.json()["code"]) == (401, "no_token")
    assert answer["WWW-Authenticate"] == "X-Auth-token"


@pytest.mark.parametrize("secret", ["", "wrong", "x" * 10_000, "\xff", "a b"])
def test_a_bad_token_is_a_401_even_with_a_valid_session(owner_client, secret):
    assert owner_client.get(LIST).status_code == 200
    answer = owner_client.get(LIST, HTTP_X_AUTH_TOKEN=secret)
    assert (answer.status_code, answer.json()["code"]) == (401, "bad_token")


def test_a_revoked_token_is_refused_by_the_next_request(script, owner, token):
    assert script.get(LIST).status_code == 200
    revoke_token(owner, token.pk)
    assert script.get(LIST).status_code == 401


def test_a_token_of_somebody_who_may_not_sign_in_is_refused(script, owner):
    owner.is_active = False
    owner.save()
    assert script.get(LIST).status_code == 401


def test_only_the_hash_of_a_token_is_kept(secret, token):
    kept = {str(value) for value in vars(token).values()}
    assert secret not in kept
    assert token.prefix == secret[:6]
    assert len(token.secret_hash) == 64
    assert len(secret) == 43


def test_its_last_use_is_noted_at_most_once_a_minute(script, token, django_assert_num_queries):
    script.get(LIST)
    token.refresh_from_db()
    noted = token.last_used_at
    assert noted is not None
    script.get(LIST)
    token.refresh_from_db()
    assert token.last_used_at == noted
    ApiToken.objects.update(last_used_at=noted - timedelta(minutes=2))
    script.get(LIST)
    token.refresh_from_db()
    assert token.last_used_at > noted


def test_a_session_may_read_but_writes_only_with_its_csrf_token(owner):
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    assert client.get(LIST).status_code == 200
    answer = client.post(LIST, '{"name": "Pets"}', content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf")
    client.get("/profile")
    crumb = {"X-CSRFToken": client.cookies["labeling_csrf"].value}
    answer = client.post(LIST, '{"name": "P"}', content_type="application/json", headers=crumb)
    assert answer.status_code == 201
    path = f"{LIST}/{answer.json()['id']}/uploads"
    file = SimpleUploadedFile("new.jpg", picture_bytes("red circle", 1))
    answer = client.post(path, {"file": file}, headers=crumb)
    assert [each["outcome"] for each in answer.json()["results"]] == ["added"]


def test_a_token_needs_no_csrf_token(secret):
    client = Client(enforce_csrf_checks=True)
    answer = client.post(
        LIST,
        '{"name": "Pets"}',
        content_type="application/json",
        headers={"X-Auth-token": secret},
    )
    assert answer.status_code == 201


def test_a_token_of_one_project_lists_only_that_and_makes_no_other(owner, project):
    Project.objects.create(name="Other", owner=owner)
    script = Script(token_of(owner, project=project))
    assert [each["id"] for each in script.get(LIST).json()["results"]] == [project.pk]
    for path in (LIST, "/api/project"):
        answer = script.send(path, {"name": "Third"})
        assert (answer.status_code, answer.json()["code"]) == (403, "token_of_one_project")


def test_a_deleted_project_is_gone_for_its_token(script, owner, project):
    script.delete(f"{LIST}/{project.pk}")
    assert script.get(f"{LIST}/{project.pk}").status_code == 404


@pytest.mark.parametrize("origin", ["https://example.com", "null"])
@pytest.mark.parametrize("path", ["/api/similarity-labels?project=1", "/rs/api/project", LIST])
def test_pages_of_other_origins_may_ask_with_a_token(script, origin, path):
    asked = Client().options(
        path,
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "x-auth-token,content-type",
        },
    )
    assert asked.status_code == 200
    assert asked["Access-Control-Allow-Origin"] == "*"
    assert "x-auth-token" in asked["Access-Control-Allow-Headers"].lower()
    assert "POST" in asked["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Credentials" not in asked
    answer = script.get(LIST, headers={"Origin": origin})
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer


def test_a_bad_token_is_told_to_pages_of_other_origins_too(db):
    answer = Script("wrong").get(LIST, headers={"Origin": "https://example.com"})
    assert answer["Access-Control-Allow-Origin"] == "*"


def test_a_session_is_of_no_use_to_pages_of_other_origins(owner_client):
    answer = owner_client.get(LIST, headers={"Origin": "https://evil.example.com"})
    assert "Access-Control-Allow-Origin" not in answer


def test_pages_of_the_application_stay_closed_to_other_origins(owner_client):
    answer = owner_client.get("/profile", headers={"Origin": "https://evil.example.com"})
    assert "Access-Control-Allow-Origin" not in answer


def create(*arguments: str) -> str:
    out = StringIO()
    call_command("create_token", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue().strip().splitlines()[-1]


def test_the_command_prints_the_token_alone_on_the_last_line(db):
    secret = create("my script", "--scope", "write")
    assert Script(secret).send(LIST, {"name": "Pets"}).status_code == 201
    token = ApiToken.objects.get()
    assert (token.name, token.scope, token.user.username) == ("my script", "write", "you")


def test_the_command_knows_project_user_and_days(owner, project):
    secret = create("s", "--user", "owner", "--project", str(project.pk), "--days", "7")
    token = ApiToken.objects.get()
    assert (token.user, token.project, token.scope) == (owner, project, "read")
    assert timedelta(days=6) < token.expires_at - timezone.now() <= timedelta(days=7)
    assert Script(secret).get(f"{LIST}/{project.pk}").status_code == 200


@pytest.mark.parametrize(
    "arguments", [("s", "--user", "nobody"), ("s", "--project", "99"), ("s", "--days", "0"), (" ",)]
)
def test_the_command_refuses_with_a_sentence(db, arguments):
    with pytest.raises(CommandError, match=r"\.$"):
        create(*arguments)


def test_the_profile_shows_a_new_token_once(owner_client, owner, project):
    given = {"name": "my script", "scope": "predict", "project": project.pk, "days": "30"}
    page = owner_client.post("/profile", given).content.decode()
    token = ApiToken.objects.get()
    [secret] = [w for w in page.split('"') if len(w) == 43 and w.startswith(token.prefix)]
    assert Script(secret).get(f"{LIST}/{project.pk}").status_code == 200
    again = owner_client.get("/profile").content.decode()
    assert secret not in again
    assert f"{token.prefix}…" in again


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"name": "", "scope": "read"},
        {"name": "s", "scope": "all"},
        {"name": "s", "scope": "read", "days": "0"},
        {"name": "s", "scope": "read", "project": "99"},
    ],
)
def test_the_profile_refuses_what_is_no_token(owner_client, given):
    assert owner_client.post("/profile", given).status_code == 400
    assert not ApiToken.objects.exists()


def test_a_token_cannot_be_for_somebody_elses_project(stranger_client, project):
    given = {"name": "s", "scope": "read", "project": project.pk}
    assert stranger_client.post("/profile", given).status_code == 400


def test_the_profile_revokes_only_ones_own_tokens(owner_client, stranger_client, token, script):
    path = f"/profile/tokens/{token.pk}/revoke"
    assert stranger_client.post(path).status_code == 404
    assert script.get(LIST).status_code == 200
    assert owner_client.post(path).status_code == 302
    assert script.get(LIST).status_code == 401


def test_the_profile_is_for_signed_in_people(client, db):
    assert client.get("/profile").status_code == 302
    assert client.post("/profile/tokens/1/revoke").status_code == 302
