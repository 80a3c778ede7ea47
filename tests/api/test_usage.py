"""Requests a minute and predictions a day, for each project."""

from __future__ import annotations

import pytest

from projects.models import DayOfUse, Project
from projects.services import usage
from tests.drawings import picture_bytes

PICTURE = picture_bytes("red circle", 1)


@pytest.fixture
def limit(settings):
    def to(**variables: int) -> None:
        settings.ENVIRONMENT = settings.ENVIRONMENT | variables

    return to


def test_a_project_is_asked_so_often_a_minute(script, project, limit, monkeypatch):
    limit(LABELING_API_PER_MINUTE=3)
    path = f"/api/images/{project.pk}"
    assert [script.get(path).status_code for _ in range(3)] == [200] * 3
    answer = script.get(path)
    assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
    assert 1 <= int(answer["Retry-After"]) <= 60
    other = Project.objects.create(name="Other", owner=project.owner)
    assert script.get(f"/api/images/{other.pk}").status_code == 200
    monkeypatch.setattr(usage, "MINUTE", 0.0)
    assert script.get(path).status_code == 200


def test_a_stranger_uses_nothing_up(script, stranger_client, project, limit):
    limit(LABELING_API_PER_MINUTE=1)
    for _ in range(3):
        assert stranger_client.get(f"/api/images/{project.pk}").status_code == 404
    assert script.get(f"/api/images/{project.pk}").status_code == 200


def test_a_project_has_so_many_predictions_a_day(script, drawn, limit):
    limit(LABELING_PREDICTIONS_A_DAY=3)
    names = ["red-circle-000.jpg", "red-circle-001.jpg"]
    many = f"/api/v1/projects/{drawn.pk}/suggestions"
    assert script.send(many, {"images": names}).status_code == 200
    answer = script.send(many, {"images": names})
    assert (answer.status_code, answer.json()["code"]) == (429, "quota")
    assert 1 <= int(answer["Retry-After"]) <= 24 * 3600
    one = f"/api/similarity-labels?project={drawn.pk}"
    assert [script.bytes(one, PICTURE).status_code for _ in range(2)] == [200, 429]
    assert DayOfUse.objects.get().predictions == 3


def test_nothing_is_counted_without_a_quota(script, drawn):
    script.bytes(f"/api/similarity-labels?project={drawn.pk}", PICTURE)
    assert not DayOfUse.objects.exists()
