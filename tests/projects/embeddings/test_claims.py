"""Claims and leases: who holds which images, and what a killed worker leaves."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest
from django.core.files.base import ContentFile
from django.db import connections
from django.utils import timezone

from projects.models import Image, Project
from projects.services import embeddings, reading
from projects.services.embeddings import STOPPED, claim, work_off
from projects.services.uploads import add_files, start_upload
from tests.drawings import picture_bytes

from .waiting import end_leases, states


class Killed(BaseException):
    """What a kill looks like from inside: nothing catches it."""


@pytest.fixture
def poison(monkeypatch):
    """`poison(image)`: reading it kills the worker, which then gives nothing back."""

    def run(image: Image) -> None:
        real = reading._read

        def reading_that_dies(each, encoder):
            if each.pk == image.pk:
                raise Killed
            return real(each, encoder)

        monkeypatch.setattr(reading, "_read", reading_that_dies)
        monkeypatch.setattr(embeddings, "release", lambda _: None)

    return run


class AtOnce:
    """An executor that does it in this thread, which sees this test's transaction."""

    def __init__(self, *_, **__) -> None:
        pass

    def submit(self, work, *arguments) -> Future:
        done = Future()
        done.set_result(work(*arguments))
        return done

    def shutdown(self, **_) -> None:
        pass


def test_claimed_images_are_taken(uploaded):
    uploaded(5)
    first, second = claim(3), claim(3)
    assert len(first) == 3
    assert len(second) == 2
    assert {image.pk for image in first}.isdisjoint(image.pk for image in second)
    assert claim() == []


def test_a_claim_holds_few_large_images(uploaded, monkeypatch):
    """A JPEG counts a quarter of its pixels, any other format all."""
    uploaded(6)
    Image.objects.filter(name__in=["0.jpg", "1.jpg", "2.jpg"]).update(extension=".png")
    monkeypatch.setattr(embeddings, "CHUNK_PIXELS", 2 * 60 * 48)
    assert len(claim(3)) == 2
    assert len(claim()) == 4, "one of them a PNG, three JPEG"
    end_leases()
    Image.objects.update(lease_until=None)
    monkeypatch.setattr(embeddings, "CHUNK_PIXELS", 1)
    assert len(claim()) == 1


def test_images_of_two_encoders_are_claimed_apart(uploaded, project, owner):
    uploaded(1)
    other = Project.objects.create(name="Other", owner=owner, encoder="open_clip:x/y")
    upload = start_upload(other, owner, kind="files")
    add_files(upload, [("a.jpg", ContentFile(picture_bytes("red circle")))])
    assert [image.project for image in claim()] == [project]
    assert [image.project for image in claim()] == [other]


@pytest.mark.django_db(transaction=True)
def test_workers_that_claim_at_once_never_hold_the_same_image(uploaded):
    uploaded(40)
    taken: list[int] = []
    begin = threading.Barrier(4)

    def work() -> None:
        try:
            begin.wait()
            while images := claim(3):
                taken.extend(image.pk for image in images)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(Image.objects.values_list("pk", flat=True))


def test_images_of_a_killed_worker_are_read_again_one_by_one(uploaded, encoder):
    uploaded(3)
    claim()
    work_off(seconds=60)
    assert states() == ["pending"] * 3, "their lease still holds"
    end_leases()
    work_off(seconds=60)
    assert states() == ["embedded"] * 3
    assert encoder.sizes == [1, 1, 1]
    assert set(Image.objects.values_list("attempts", "lease_until")) == {(0, None)}


@pytest.mark.parametrize("chunk", [64, 2, 1])
def test_an_image_that_kills_its_worker_three_times_fails_and_the_rest_go_on(
    uploaded, encoder, monkeypatch, poison, chunk
):
    """Also where it is in one chunk and innocent ones, claimed ahead, are in the next."""
    monkeypatch.setattr(embeddings, "CHUNK", chunk)
    images = uploaded(5)
    poison(images[2])
    deaths = 0
    for _ in range(10):
        try:
            work_off(seconds=60)
        except Killed:
            deaths += 1
        end_leases()
    assert deaths == 3
    assert states() == ["embedded", "embedded", "failed", "embedded", "embedded"]
    images[2].refresh_from_db()
    assert images[2].failure_reason == STOPPED


def test_images_of_a_killed_worker_are_never_held_beside_others(uploaded, encoder, monkeypatch):
    """Else the next death, caused by one of them, would count against the others too."""
    images = uploaded(6)
    claim(3)
    end_leases()
    held_together = []
    real = reading._read

    def noting(image, encoder):
        held_together.append(set(embeddings.Image.objects.filter(lease_until__gte=timezone.now())))
        return real(image, encoder)

    monkeypatch.setattr(reading, "_read", noting)
    monkeypatch.setattr(reading, "ThreadPoolExecutor", AtOnce)
    work_off(seconds=60)
    assert held_together == [set(images[3:])] * 3 + [{image} for image in images[:3]]


def test_two_chunks_are_under_way_so_that_no_core_waits_while_one_is_written(
    uploaded, encoder, monkeypatch
):
    monkeypatch.setattr(embeddings, "CHUNK", 2)
    uploaded(6)
    begun: list[int] = []
    at_writing: list[int] = []
    begin, write = reading.Readers.begin, embeddings.write_readings
    monkeypatch.setattr(
        reading.Readers,
        "begin",
        lambda self, images, encoder: begun.append(len(images)) or begin(self, images, encoder),
    )
    monkeypatch.setattr(
        embeddings,
        "write_readings",
        lambda *given: at_writing.append(len(begun)) or write(*given),
    )
    work_off(seconds=60)
    assert begun == [2, 2, 2]
    assert at_writing == [2, 3, 3]
    assert states() == ["embedded"] * 6


def test_what_was_claimed_ahead_is_given_back_when_the_disk_is_full(uploaded, encoder, monkeypatch):
    monkeypatch.setattr(embeddings, "CHUNK", 2)
    images = uploaded(4)
    real = reading._read

    def reading_on_a_full_disk(image, encoder):
        if image.pk == images[0].pk:
            raise OSError(28, "No space left")
        return real(image, encoder)

    monkeypatch.setattr(reading, "_read", reading_on_a_full_disk)
    with pytest.raises(OSError, match="No space"):
        work_off(seconds=60)
    given_back = set(Image.objects.values_list("embedding_state", "attempts", "lease_until"))
    assert given_back == {("pending", 0, None)}


def test_a_worker_that_is_asked_to_stop_finishes_what_it_claimed_and_claims_no_more(
    uploaded, encoder, monkeypatch
):
    monkeypatch.setattr(embeddings, "CHUNK", 2)
    uploaded(6)
    asked = iter([False, False, True, True, True, True])
    work_off(seconds=60, asked_to_stop=lambda: next(asked))
    assert states() == ["embedded"] * 4 + ["pending"] * 2
    assert set(Image.objects.values_list("attempts", "lease_until")) == {(0, None)}
