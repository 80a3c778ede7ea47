"""The OpenAPI schema: complete, committed, served with a page that reads it from local files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from django.core.management import call_command
from drf_spectacular.validation import validate_schema

from .test_access import ROWS

COMMITTED = Path(__file__).parents[2] / "docs" / "api" / "schema.yml"


@pytest.fixture(scope="module")
def schema(tmp_path_factory) -> dict:
    file = tmp_path_factory.mktemp("schema") / "schema.yml"
    call_command("spectacular", file=str(file), fail_on_warn=True)
    return yaml.safe_load(file.read_text())


def test_the_committed_schema_is_that_of_the_code(schema):
    assert yaml.safe_load(COMMITTED.read_text()) == schema, (
        "run: python manage.py spectacular --file docs/api/schema.yml"
    )


def test_the_schema_is_sound(schema):
    validate_schema(schema)


def test_every_call_is_in_it(schema):
    def address(path: str) -> str:
        return "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", path).replace("pk}", "id}")

    told = {
        (path.replace("_pk}", "_id}"), method.upper())
        for path, calls in schema["paths"].items()
        for method in calls
    }
    assert told == {(address(path), method) for path, method in ROWS}


def test_every_call_says_what_it_is_for_and_how_it_may_be_refused(schema):
    for path, calls in schema["paths"].items():
        for method, call in calls.items():
            assert call["summary"], path
            assert {"400", "401", "403", "404", "429", "503"} <= set(call["responses"]), path
            assert call["security"] == [{"token": []}], path
            keys = [each["name"] for each in call["parameters"]]
            assert ("Idempotency-Key" in keys) == (method != "get"), path


def test_every_json_body_has_an_example(schema):
    for path, calls in schema["paths"].items():
        for method, call in calls.items():
            content = call.get("requestBody", {}).get("content", {})
            if "application/json" in content:
                assert content["application/json"].get("examples"), f"{method} {path}"


@pytest.mark.parametrize("query", ["", "?format=yaml", "?format=json"])
def test_the_schema_is_served_to_everybody(client, db, schema, query):
    answer = client.get(f"/api/schema{query}", HTTP_ACCEPT="text/html")
    assert answer.status_code == 200
    assert yaml.safe_load(answer.content) == schema


def test_the_page_of_all_calls_is_served_under_the_strict_policy(client, db):
    answer = client.get("/api/docs")
    page = answer.content.decode()
    assert answer.status_code == 200
    policy = answer["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http" not in page.replace("http-equiv", "")
    assert not re.search(r"<script(?![^>]* src=)", page)
    for file in re.findall(r'(?:src|href)="(/static/[^"]+)"', page):
        assert client.get(file).status_code == 200, file
