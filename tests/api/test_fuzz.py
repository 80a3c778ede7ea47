"""schemathesis asks the API all that its schema allows and forbids: no 5xx, no undocumented answer.

`LABELING_FUZZ_CASES` says how many cases a call gets: few here, 100 by `make fuzz`.
"""

from __future__ import annotations

import os

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from labeling.wsgi import application
from projects.services import collections, usage

from .conftest import token_of

BEYOND_SCHEMAS = {
    "bad_base64",
    "bad_cursor",
    "bad_filter",
    "bad_form",
    "body_cut_off",
    "corrupt",
    "empty_body",
    "fetch_failed",
    "format_not_accepted",
    "image_twice",
    "not_a_zip",
    "not_an_image",
    "nothing_suggested",
    "one_label_only",
    "truncated",
    "url_refused",
}
"""Refusals of what no schema can tell from what is good: whether bytes are an image, whether a host
answers, whether a project has room for a second label."""
CASES = int(os.environ.get("LABELING_FUZZ_CASES", "3"))
schema = schemathesis.openapi.from_wsgi("/api/schema", application)


@pytest.mark.django_db
@schema.parametrize()
@settings(
    max_examples=CASES,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_answers_are_as_documented(case: Case, asked) -> None:
    asked(case)


@pytest.fixture
def asked(drawn, owner):
    """Asks with a token, of a project and an image that exist, and takes back what was done."""
    secret = token_of(owner)
    there = {"id": drawn.pk, "project": drawn.pk, "name": "red-circle-000.jpg"}

    def ask(case: Case) -> None:
        if case.meta.generation.mode == GenerationMode.POSITIVE:
            for name in set(there) & set(case.path_parameters or ()):
                case.path_parameters[name] = there[name]
            if "project" in (case.query or {}):
                case.query["project"] = drawn.pk
        elif "/v1/" not in case.path and case.query:
            # Unknown parameters are ignored there, for clients of another server.
            known = {each.name for each in case.operation.query}
            if set(case.query) - known:
                return
        with transaction.atomic():
            # Without the token is one of the ways to ask badly.
            bad = case.meta.generation.mode == GenerationMode.NEGATIVE
            headers = {"X-Auth-token": secret}
            if bad and "X-Auth-token" not in (case.headers or {}):
                headers = {}
            answer = case.call(headers=headers)
            code = answer.json().get("code") if answer.status_code in {400, 413, 415, 422} else ""
            excluded = [positive_data_acceptance] if code in BEYOND_SCHEMAS else []
            case.validate_response(
                answer,
                headers=headers,
                transport_kwargs={"headers": headers},
                excluded_checks=excluded,
            )
            transaction.set_rollback(True)
        collections.forget()
        usage.forget_counts()

    # The application closes the connection of each request, which is that of the test here.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield ask
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)
