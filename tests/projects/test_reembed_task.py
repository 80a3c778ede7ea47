"""Messages that go on with a re-embedding: one chain of them, behind new images."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from projects import tasks
from projects.models import Image, Reembedding
from projects.services import embeddings, encoders, reembedding_work
from projects.services.reembeddings import start
from projects.services.uploads import add_files, start_upload
from tests.drawings import picture_bytes
from tests.projects.plain_encoder import PlainEncoder

NEW = "open_clip:plain/colors"


@pytest.fixture
def add(project, owner, monkeypatch):
    both = [PlainEncoder(), PlainEncoder(NEW, "test-2", side=4)]
    monkeypatch.setattr(encoders, "_loaded", {each.name: each for each in both})

    def run(*seeds: int) -> None:
        upload = start_upload(project, owner, kind="files")
        files = [(f"{n}.jpg", ContentFile(picture_bytes("red circle", n))) for n in seeds]
        add_files(upload, files)

    return run


@pytest.fixture
def queue(monkeypatch) -> list[tuple]:
    """What was put into the queue and not run yet."""
    said: list[tuple] = []
    for name in ("embed_pending", "reembed"):
        task = getattr(tasks, name)
        monkeypatch.setattr(task, "delay", lambda *args, task=task, **kw: said.append((task, args)))
    return said


@pytest.fixture
def run(add, project, owner, queue) -> Reembedding:
    add(0, 1)
    embeddings.work_off(seconds=60)
    return start(project, owner, NEW)


def test_a_message_does_it_all_where_time_suffices(run, queue, project):
    tasks.reembed(run.pk, run.turn)
    project.refresh_from_db()
    assert project.encoder == NEW
    assert queue == []


def test_where_time_is_up_the_next_message_is_for_the_next_turn(run, queue, monkeypatch):
    monkeypatch.setattr(tasks, "SECONDS", -1.0)
    tasks.reembed(run.pk, 0)
    assert queue == [(tasks.reembed, (run.pk, 1))]


def test_new_images_are_queued_before_what_is_left(run, queue, add):
    add(2)
    tasks.reembed(run.pk, 0)
    assert queue == [(tasks.embed_pending, ()), (tasks.reembed, (run.pk, 1))]
    assert not run.vectors.exists()


def test_images_that_waited_for_the_new_encoder_are_looked_at_after_the_switch(
    run, queue, add, project
):
    project.encoder_problem = "The old one cannot be loaded."
    project.save()
    add(2)
    tasks.reembed(run.pk, 0)
    assert queue == [(tasks.embed_pending, ())]


def test_an_hour_of_sweeps_leaves_one_chain_of_messages(run, queue, monkeypatch):
    monkeypatch.setattr(tasks, "SECONDS", -1.0)
    for _ in range(60):
        tasks.sweep()
        queue[:] = [each for each in queue if each[0] is tasks.reembed]
        task, arguments = queue.pop(0)
        task(*arguments)
    for _ in range(len(queue)):
        task, arguments = queue.pop(0)
        task(*arguments)
    assert len([each for each in queue if each[0] is tasks.reembed]) == 1


def test_the_sweep_picks_up_what_nobody_holds_and_purges_old_vectors(run, queue, owner, project):
    reembedding_work.claim(run)
    tasks.sweep()
    assert (tasks.reembed, (run.pk, 0)) not in queue
    Image.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    tasks.sweep()
    assert (tasks.reembed, (run.pk, 0)) in queue
    tasks.reembed(run.pk, 0)
    Reembedding.objects.update(finished_at=timezone.now() - timedelta(days=15))
    tasks.sweep()
    assert set(project.embeddings.values_list("encoder", flat=True)) == {NEW}


def test_a_message_for_a_deleted_project_does_nothing(run, queue, project):
    project.deleted_at = timezone.now()
    project.save()
    tasks.reembed(run.pk, 0)
    assert not run.vectors.exists()
    assert queue == []
