"""Uploads: what is added, what is a duplicate, what is refused, and what is left to send."""

from __future__ import annotations

import hashlib
import threading

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from projects.errors import Conflict, Refusal
from projects.models import Act, Batch, BatchItem, Image, Label, Upload, UploadResult
from projects.services import arrivals
from projects.services.label_list import get_or_create_labels
from projects.services.labels import label_images
from projects.services.trash import trash_images
from projects.services.undo import undo
from projects.services.uploads import (
    Announced,
    add_file,
    add_files,
    finish_upload,
    missing_files,
    start_upload,
    totals,
)
from tests.drawings import picture_bytes

ADDED, DUPLICATE, REFUSED = UploadResult.Outcome


@pytest.fixture
def upload(project, owner) -> Upload:
    return start_upload(project, owner, kind="files")


def send(upload: Upload, *files: tuple[str, bytes]) -> list[UploadResult]:
    return add_files(upload, [(path, ContentFile(content)) for path, content in files])


def names(project) -> list[str]:
    return sorted(project.images.kept().values_list("name", flat=True))


def test_a_file_becomes_an_image_with_its_bytes_in_the_storage(upload, project, owner):
    content = picture_bytes("red circle", size=(120, 90))
    result = add_file(upload, path="holiday/beach/a.jpg", content=ContentFile(content))
    image = Image.objects.get(project=project)
    assert (result.outcome, result.image) == (ADDED, image)
    assert (image.name, image.path, image.folder) == ("a.jpg", "holiday/beach/a.jpg", "beach")
    assert (image.width, image.height, image.byte_size) == (120, 90, len(content))
    assert image.content_hash == hashlib.sha256(content).hexdigest()
    assert (image.state, image.embedding_state) == ("dataset", "pending")
    assert image.uploaded_by == owner
    assert default_storage.open(image.file_name).read() == content


def test_the_first_image_fixes_the_encoder(upload, project):
    send(upload, ("a.jpg", picture_bytes("red circle")))
    project.refresh_from_db()
    assert (project.encoder, project.encoder_version) == ("efficientnet-lite0-int8", "")


def test_the_real_format_decides_and_not_the_name(upload):
    [result] = send(upload, ("a.jpg", picture_bytes("red circle", format="PNG")))
    assert result.image.name == "a.jpg"
    assert result.image.file_name.endswith(".png")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"just some text", "not an image"),
        (picture_bytes("red circle")[:40], "JPEG"),
        (b"%PDF-1.7 and so on", "PDF"),
    ],
)
def test_a_bad_file_is_refused_with_a_sentence_and_the_rest_goes_on(
    upload, project, content, words
):
    good = picture_bytes("red circle")
    results = send(upload, ("bad.jpg", content), ("good.jpg", good))
    assert [result.outcome for result in results] == [REFUSED, ADDED]
    assert words in results[0].reason
    assert results[0].reason.endswith(".")
    assert names(project) == ["good.jpg"]


def test_a_file_or_picture_above_the_limits_is_refused(upload, settings):
    settings.ENVIRONMENT = settings.ENVIRONMENT | {"LABELING_MAX_FILE_MB": 1}
    [result] = send(upload, ("big.jpg", b"x" * (1024 * 1024 + 1)))
    assert "at most 1 MB" in result.reason
    settings.ENVIRONMENT = settings.ENVIRONMENT | {"LABELING_MAX_MEGAPIXELS": 1}
    [result] = send(upload, ("wide.png", picture_bytes("red circle", size=(1001, 1000))))
    assert "1,001,000 pixels" in result.reason


def test_the_same_bytes_are_stored_once_and_said_to_be_a_duplicate(upload, project, owner):
    content = picture_bytes("red circle")
    first, second = send(upload, ("a.jpg", content), ("b.jpg", content))
    assert (first.outcome, second.outcome) == (ADDED, DUPLICATE)
    assert second.image == first.image
    assert "in this upload as “a.jpg”" in second.reason
    other = start_upload(project, owner, kind="files")
    [third] = send(other, ("c.jpg", content))
    assert "in the project as “a.jpg”" in third.reason
    assert names(project) == ["a.jpg"]


def test_the_same_bytes_in_two_projects_are_two_images(upload, project, owner):
    other = type(project).objects.create(name="Other", owner=owner)
    content = picture_bytes("red circle")
    send(upload, ("a.jpg", content))
    [result] = send(start_upload(other, owner, kind="files"), ("a.jpg", content))
    assert result.outcome == ADDED


def test_another_file_with_a_taken_name_gets_a_number(upload, project):
    send(
        upload, ("x/a.jpg", picture_bytes("red circle")), ("y/a.jpg", picture_bytes("blue square"))
    )
    send(upload, ("z/a.jpg", picture_bytes("green triangle")))
    assert names(project) == ["a (2).jpg", "a (3).jpg", "a.jpg"]


def test_a_file_sent_twice_since_the_answer_was_lost_counts_once(upload):
    content = picture_bytes("red circle")
    [first] = send(
        upload,
        ("a.jpg", content),
    )
    [again] = send(upload, ("a.jpg", content))
    assert again == first
    [refused] = send(upload, ("b.jpg", b""))
    [refused_again] = send(upload, ("b.jpg", b""))
    assert refused_again == refused
    assert totals(upload) == {"added": 1, "duplicate": 0, "refused": 1}


def test_an_image_in_the_trash_comes_back_with_its_labels(upload, project, owner):
    content = picture_bytes("red circle")
    [result] = send(upload, ("a.jpg", content))
    [label] = get_or_create_labels(project, owner, ["red"])
    label_images(project, owner, [result.image_id], label)
    trash_images(project, owner, [result.image_id])
    send(upload, ("b/a.jpg", picture_bytes("blue square")))
    [back] = send(start_upload(project, owner, kind="files"), ("c/a.jpg", content))
    assert (back.outcome, back.image_id) == (ADDED, result.image_id)
    back.image.refresh_from_db()
    assert (back.image.state, back.image.name) == ("dataset", "a (2).jpg")
    assert back.image.is_labeled


def test_the_number_of_queries_does_not_grow_with_the_files(upload):
    def queries(files) -> int:
        with CaptureQueriesContext(
            connection,
        ) as caught:
            send(upload, *files)
        return len(caught)

    send(upload, ("first.jpg", picture_bytes("black ring")))
    one = queries([("one.jpg", picture_bytes("red circle"))])
    # SQLite takes 999 variables a statement: 49 rows of 20 columns; the fiftieth is one query more.
    many = [(f"{n}.jpg", picture_bytes("blue square", n, size=(40, 30))) for n in range(49)]
    assert queries(many) == one


def test_a_finished_upload_takes_no_more(upload):
    finish_upload(upload)
    with pytest.raises(Conflict):
        send(upload, ("a.jpg", picture_bytes("red circle")))


# Labels


def labels_of(image) -> set[str]:
    return set(image.image_labels.values_list("label__name", flat=True))


def test_labels_of_the_upload_are_given_to_new_images_only(project, owner):
    Label.objects.create(project=project, name="Cat", color="#e5484d")
    first = send(start_upload(project, owner, kind="files"), ("a.jpg", picture_bytes("red circle")))
    upload = start_upload(project, owner, kind="files", labels=["cat"])
    again, new = send(
        upload, ("b.jpg", picture_bytes("red circle")), ("c.jpg", picture_bytes("blue square"))
    )
    assert labels_of(new.image) == {"Cat"}
    assert new.image.image_labels.get().source == "import"
    assert again.image == first[0].image
    assert labels_of(again.image) == set()
    assert "labels are left as they are" in again.reason
    new.image.refresh_from_db()
    assert new.image.is_labeled


def test_a_folder_names_the_label_and_files_at_the_top_get_none(project, owner):
    upload = start_upload(project, owner, kind="folder", label_by_folder=True)
    inner, top = send(
        upload,
        ("set/hat/a.jpg", picture_bytes("red circle")),
        ("b.jpg", picture_bytes("blue square")),
    )
    assert labels_of(inner.image) == {"hat"}
    assert labels_of(top.image) == set()


def test_one_undo_takes_all_labels_of_an_upload(project, owner):
    upload = start_upload(project, owner, kind="folder", label_by_folder=True)
    for n in range(3):
        send(upload, (f"hat/{n}.jpg", picture_bytes("red circle", n)))
    assert Act.objects.get(project=project).summary == "Labeled 3 images at upload"
    undo(project, owner)
    assert project.images.labeled().count() == 0


def test_in_a_single_label_project_an_upload_gives_one_label(project, owner):
    for knobs in ({"labels": ["a", "b"]}, {"labels": ["a"], "label_by_folder": True}):
        with pytest.raises(Refusal, match="one label at most"):
            start_upload(project, owner, kind="files", **knobs)
    project.multi_label = True
    project.save()
    upload = start_upload(project, owner, kind="folder", labels=["a", "b"], label_by_folder=True)
    [result] = send(upload, ("c/1.jpg", picture_bytes("red circle")))
    assert labels_of(result.image) == {"a", "b", "c"}


# Uploads for review


@pytest.fixture
def batch(project, owner) -> Batch:
    return Batch.objects.create(project=project, created_by=owner, kind=Batch.Kind.UPLOADED)


def test_images_for_review_are_staged_items_in_order(project, owner, batch):
    upload = start_upload(project, owner, kind="files", batch=batch)
    send(upload, ("a.jpg", picture_bytes("red circle")), ("b.jpg", picture_bytes("blue square")))
    send(upload, ("c.jpg", picture_bytes("green triangle")))
    items = BatchItem.objects.filter(batch=batch).select_related("image")
    assert [(item.position, item.image.name) for item in items] == [
        (0, "a.jpg"),
        (1, "b.jpg"),
        (2, "c.jpg"),
    ]
    assert {item.image.state for item in items} == {"staged"}


def test_a_duplicate_is_reviewed_only_if_it_has_no_label(project, owner, batch):
    plain = start_upload(project, owner, kind="files")
    files = ("a.jpg", picture_bytes("red circle")), ("b.jpg", picture_bytes("blue square"))
    labeled, bare = send(plain, *files)
    [label] = get_or_create_labels(project, owner, ["red"])
    label_images(project, owner, [labeled.image_id], label)
    results = send(start_upload(project, owner, kind="files", batch=batch), *files)
    assert [result.outcome for result in results] == [DUPLICATE, DUPLICATE]
    assert "has a label" in results[0].reason
    assert "reviewed all the same" in results[1].reason
    assert [item.image_id for item in batch.items.all()] == [bare.image_id]
    assert project.images.staged().count() == 0


def test_labels_cannot_be_given_to_an_upload_for_review(project, owner, batch):
    with pytest.raises(Refusal, match="get their labels there"):
        start_upload(project, owner, kind="files", labels=["a"], batch=batch)


def test_a_review_that_was_finished_takes_no_more(project, owner, batch):
    upload = start_upload(project, owner, kind="files", batch=batch)
    Batch.objects.update(state=Batch.State.COMMITTED)
    with pytest.raises(Conflict, match="review was finished"):
        send(upload, ("a.jpg", picture_bytes("red circle")))
    assert project.images.count() == 0


# Resuming


def announce(path: str, content: bytes) -> Announced:
    return Announced(path, len(content), hashlib.sha256(content).hexdigest())


def test_only_what_is_missing_has_to_be_sent(upload, project, owner):
    there, new = picture_bytes("red circle"), picture_bytes("blue square")
    send(upload, ("set/a.jpg", there))
    again = start_upload(project, owner, kind="folder")
    answer = missing_files(again, [announce("set/a.jpg", there), announce("set/b.jpg", new)])
    assert answer.positions == [1]
    assert answer.results[0].outcome == DUPLICATE
    assert answer.results[0].reason == "You uploaded this file before."
    assert totals(again)["duplicate"] == 1


def test_files_without_a_known_hash_have_to_be_sent_unless_they_are_too_large(upload):
    files = [Announced("a.jpg", 1000), Announced("b.jpg", 10**9)]
    answer = missing_files(upload, files)
    assert answer.positions == [0]
    assert answer.results[1].outcome == REFUSED


def test_bytes_in_the_trash_come_back_without_being_sent(upload, project, owner):
    content = picture_bytes("red circle")
    [result] = send(upload, ("a.jpg", content))
    trash_images(project, owner, [result.image_id])
    answer = missing_files(start_upload(project, owner, kind="files"), [announce("a.jpg", content)])
    assert answer.positions == []
    assert answer.results[0].outcome == ADDED
    assert project.images.in_dataset().count() == 1


# Two at the same moment


@pytest.mark.django_db(transaction=True)
def test_the_same_files_sent_by_several_threads_at_once_are_stored_once(project, owner):
    files = [("a.jpg", picture_bytes("red circle", n)) for n in range(6)]
    uploads = [start_upload(project, owner, kind="files") for _ in range(4)]
    outcomes: list[str] = []
    begin = threading.Barrier(4)

    def work(upload: Upload) -> None:
        try:
            begin.wait()
            for file in files:
                outcomes.extend(result.outcome for result in send(upload, file))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(upload,)) for upload in uploads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["added"] * 6 + ["duplicate"] * 18
    assert names(project) == [
        "a (2).jpg",
        "a (3).jpg",
        "a (4).jpg",
        "a (5).jpg",
        "a (6).jpg",
        "a.jpg",
    ]


def test_times_are_those_of_the_upload(upload):
    before = timezone.now()
    [result] = send(upload, ("a.jpg", picture_bytes("red circle")))
    assert before <= result.image.uploaded_at <= timezone.now()


def test_a_file_that_is_too_large_to_be_read_at_once_gives_the_same(upload, monkeypatch):
    content = picture_bytes("red circle", size=(900, 700))
    whole = arrivals.look_at("a.jpg", ContentFile(content))
    monkeypatch.setattr(arrivals, "READ_AT_ONCE", 1000)
    parts = arrivals.look_at("a.jpg", ContentFile(content))
    assert (parts.info, parts.content_hash) == (whole.info, whole.content_hash)
    assert parts.content_hash == hashlib.sha256(content).hexdigest()
    result = add_file(upload, path="a.jpg", content=ContentFile(content))
    with default_storage.open(result.image.file_name) as file:
        assert file.read() == content


def test_a_broken_file_is_refused_alike_whether_it_is_read_at_once_or_not(monkeypatch):
    for broken in (b"", b"no image", picture_bytes("red circle")[:60]):
        whole = arrivals.look_at("a.jpg", ContentFile(broken)).refusal
        with monkeypatch.context() as patch:
            patch.setattr(arrivals, "READ_AT_ONCE", -1)
            assert arrivals.look_at("a.jpg", ContentFile(broken)).refusal == whole != ""
