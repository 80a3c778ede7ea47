"""Photos in a bucket: the same acts as in the data folder, against a real server of S3."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from datetime import timedelta

import pytest
import requests
from django.conf import settings as django_settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, override_settings
from django.utils import timezone

from projects import health
from projects.bucket import BucketStorage
from projects.models import Image, Project, Upload
from projects.services import archives, embeddings, purge, uploads
from projects.services.tokens import create_token

from ..drawings import picture_bytes
from ..running import free_port
from ..team import s3_server
from .plain_encoder import PlainEncoder
from .test_outages import assert_json, noise


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3_server() as url:
        yield url


def storages(endpoint: str) -> dict[str, dict[str, object]]:
    options = {
        "bucket_name": "photos",
        "location": "team/a",
        "endpoint_url": endpoint,
        "region_name": "us-east-1",
    }
    bucket = {"BACKEND": "projects.bucket.BucketStorage", "OPTIONS": options}
    return {**django_settings.STORAGES, "default": bucket}


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")


@pytest.fixture
def bucket(endpoint: str) -> Iterator[str]:
    """Photos lie in the bucket; returns its address."""
    with override_settings(STORAGES=storages(endpoint)):
        yield f"{endpoint}/photos"


def keys(bucket: str) -> set[str]:
    text = requests.get(bucket, timeout=5).text
    return {part.partition("</Key>")[0] for part in text.split("<Key>")[1:]}


@pytest.fixture
def script(owner) -> Client:
    _, token = create_token(owner, name="tests", scope="write")
    return Client(raise_request_exception=False, headers={"X-Auth-token": token})


@pytest.fixture
def plain(monkeypatch) -> PlainEncoder:
    encoder = PlainEncoder()
    monkeypatch.setattr(embeddings, "encoder_for", lambda _: encoder)
    return encoder


def send(script: Client, project: Project, *files: SimpleUploadedFile) -> list[Image]:
    answer = script.post(f"/api/v1/projects/{project.pk}/uploads", {"file": list(files)})
    assert answer.status_code == 201, answer.content
    return list(Image.objects.filter(project=project).order_by("id"))


def photo(seed: int = 0) -> SimpleUploadedFile:
    return SimpleUploadedFile(f"{seed}.jpg", picture_bytes("red circle", seed))


def test_photos_small_and_large_are_kept_in_the_bucket_read_and_streamed(
    bucket, script, owner_client, project, plain
):
    small, large = send(script, project, photo(), noise(4))
    embeddings.work_off(seconds=20)
    small.refresh_from_db()
    large.refresh_from_db()
    assert (small.embedding_state, large.embedding_state) == ("embedded", "embedded")
    names = {image.file_name for image in (small, large)}
    names |= {image.thumbnail_name for image in (small, large)}
    assert {f"team/a/{name}" for name in names} <= keys(bucket)
    for image in (small, large):
        answer = owner_client.get(f"/projects/{project.pk}/images/{image.pk}/file")
        assert answer.status_code == 200
        content = b"".join(answer.streaming_content)
        assert hashlib.sha256(content).hexdigest() == image.content_hash
        assert int(answer["Content-Length"]) == image.byte_size
        assert "photos" not in str(answer.headers)
    thumbnail = owner_client.get(f"/projects/{project.pk}/images/{large.pk}/thumbnail")
    assert b"".join(thumbnail.streaming_content)[6:10] == b"JFIF"


def test_a_photo_in_the_bucket_is_nobody_elses(bucket, script, stranger_client, project, plain):
    (image,) = send(script, project, photo())
    address = f"/projects/{project.pk}/images/{image.pk}/file"
    assert stranger_client.get(address).status_code == 404
    with pytest.raises(NotImplementedError):
        default_storage.url(image.file_name)


def test_a_zip_is_unpacked_from_the_bucket_and_thrown_away(bucket, project, owner):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for seed in range(3):
            archive.writestr(f"set/{seed}.jpg", picture_bytes("blue square", seed))
    upload = uploads.start_upload(project, owner, kind="zip")
    archives.receive_archive(upload, ContentFile(stream.getvalue(), name="photos.zip"))
    assert f"team/a/{upload.archive_name}" in keys(bucket)
    while archives.unpack(upload, seconds=20):
        pass
    upload.refresh_from_db()
    assert upload.state == Upload.State.DONE
    assert project.images.count() == 3
    assert f"team/a/{upload.archive_name}" not in keys(bucket)


def test_what_is_thrown_away_for_good_leaves_the_bucket(bucket, script, project, plain):
    images = send(script, project, photo(1), photo(2))
    embeddings.work_off(seconds=20)
    Image.objects.filter(pk=images[0].pk).update(
        state="trash", trashed_at=timezone.now() - purge.TRASH_KEPT_FOR - timedelta(hours=1)
    )
    purge.purge_trash()
    kept = keys(bucket)
    assert not {f"team/a/{n}" for n in (images[0].file_name, images[0].thumbnail_name)} & kept
    assert f"team/a/{images[1].file_name}" in kept


def test_a_photo_that_is_missing_in_the_bucket_fails_alone(
    bucket, script, owner_client, project, plain
):
    lost, fine = send(script, project, photo(3), photo(4))
    default_storage.delete(lost.file_name)
    embeddings.work_off(seconds=20)
    lost.refresh_from_db()
    fine.refresh_from_db()
    assert (lost.embedding_state, fine.embedding_state) == ("failed", "embedded")
    answer = owner_client.get(f"/projects/{project.pk}/images/{lost.pk}/file")
    assert answer["Content-Type"] == "image/svg+xml"


def test_a_name_that_is_taken_is_kept(bucket):
    name = default_storage.save("1/ab/abc.jpg", ContentFile(b"bytes"))
    assert default_storage.save(name, ContentFile(b"other bytes")) == name
    with default_storage.open(name) as file:
        assert file.read() == b"bytes"


def test_files_that_are_saved_together_are_all_there(bucket):
    files = [(f"2/ab/{number}.jpg", ContentFile(f"{number}".encode())) for number in range(20)]
    default_storage.save_together([*files, files[0]])
    for number, (name, _) in enumerate(files):
        with default_storage.open(name) as file:
            assert file.read() == f"{number}".encode()


@pytest.fixture
def away(endpoint: str) -> Iterator[None]:
    """Nothing listens where the bucket should be."""
    with override_settings(STORAGES=storages(f"http://127.0.0.1:{free_port()}")):
        yield


@pytest.mark.django_db(transaction=True)
def test_a_bucket_that_is_away_takes_no_photo_and_no_half_of_one(away, script, project):
    answer = script.post(f"/api/v1/projects/{project.pk}/uploads", {"file": photo()})
    assert_json(answer, "storage_away")
    assert not Image.objects.exists()
    assert {"name": "storage", "ok": False, "why": "it failed with OSError"} in [
        check._asdict() for check in health.look()
    ]


def test_a_bucket_that_is_away_is_told_to_who_looks_and_blamed_on_no_image(
    bucket, script, owner, project, plain, endpoint
):
    (image,) = send(script, project, photo(5))
    page = Client(raise_request_exception=False)
    page.force_login(owner)
    with override_settings(STORAGES=storages(f"http://127.0.0.1:{free_port()}")):
        answer = page.get(f"/projects/{project.pk}/images/{image.pk}/file")
        assert answer.status_code == 503
        with pytest.raises(OSError, match="does not answer"):
            embeddings.work_off(seconds=20)
    image.refresh_from_db()
    assert (image.embedding_state, image.attempts, image.lease_until) == ("pending", 0, None)
    embeddings.work_off(seconds=20)
    image.refresh_from_db()
    assert image.embedding_state == "embedded"


def test_a_bucket_that_refuses_is_away_too(endpoint):
    storage = BucketStorage(bucket_name="no-such-bucket", endpoint_url=endpoint, region_name="x")
    with pytest.raises(OSError, match=r"refused|not in the bucket"):
        storage.save("a", ContentFile(b"a"))
    with pytest.raises(OSError, match=r"refused|not in the bucket"):
        storage.save_together([("a", ContentFile(b"a"))])
