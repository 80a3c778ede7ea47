"""The fixtures themselves: what other tests lean on."""

import pytest
from django.conf import settings

from projects.models import Project

_seen: list[int] = []


@pytest.mark.parametrize("turn", [1, 2])
def test_project_ids_never_repeat_between_tests(project: Project, turn: int):
    assert project.pk not in _seen
    _seen.append(project.pk)


def test_tests_have_a_data_folder_of_their_own():
    assert "labeling-tests-" in str(settings.DATA_FOLDER)
