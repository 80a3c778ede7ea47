"""Thumbnails and originals: pictures only, for the project's people only."""

from __future__ import annotations

import io

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from PIL import Image as Picture
from pytest_django import DjangoAssertNumQueries

from projects.models import Image
from projects.services.uploads import add_file, start_upload
from similarity.images import make_rendering, make_thumbnail
from tests.drawings import draw_picture, picture_bytes


@pytest.fixture
def add(project, owner):
    """`add(bytes)` uploads a picture and pretends that the worker has read it."""

    def run(content: bytes, name: str = "a.jpg") -> Image:
        upload = start_upload(project, owner, kind="files")
        image = add_file(upload, path=name, content=ContentFile(content)).image
        thumbnail = ContentFile(make_thumbnail(draw_picture("red circle")))
        default_storage.save(image.thumbnail_name, thumbnail)
        Image.objects.filter(pk=image.pk).update(embedding_state="embedded")
        return image

    return run


def url(image: Image, part: str) -> str:
    return f"/projects/{image.project_id}/images/{image.pk}/{part}"


def test_the_original_comes_back_byte_for_byte_with_its_real_type(owner_client, add):
    content = picture_bytes("red circle", format="PNG")
    answer = owner_client.get(url(add(content, "ä <b>.jpg"), "file"))
    assert b"".join(answer.streaming_content) == content
    assert answer["Content-Type"] == "image/png"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert "immutable" in answer["Cache-Control"]
    assert answer["Cache-Control"].startswith("private")
    assert answer["Content-Disposition"] == "inline; filename*=utf-8''%C3%A4%20%3Cb%3E.jpg"


def test_the_thumbnail_is_a_small_jpeg(owner_client, add):
    answer = owner_client.get(url(add(picture_bytes("red circle")), "thumbnail"))
    assert answer["Content-Type"] == "image/jpeg"
    picture = Picture.open(io.BytesIO(b"".join(answer.streaming_content)))
    assert picture.format == "JPEG"


def test_a_thumbnail_from_before_they_were_jpeg_is_still_served(owner_client, add):
    image = add(picture_bytes("red circle"))
    default_storage.delete(image.thumbnail_name)
    old = make_rendering(draw_picture("red circle"), side=320)
    default_storage.save(image.old_thumbnail_name, ContentFile(old))
    answer = owner_client.get(url(image, "thumbnail"))
    assert answer["Content-Type"] == "image/webp"
    assert b"".join(answer.streaming_content) == old


def test_until_the_worker_has_read_it_a_drawing_stands_in_that_is_not_kept(owner_client, add):
    image = add(picture_bytes("red circle"))
    Image.objects.update(embedding_state="pending")
    answer = owner_client.get(url(image, "thumbnail"))
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/svg+xml")
    assert answer["Cache-Control"] == "no-store"
    assert answer["Content-Security-Policy"].startswith("sandbox")


def test_a_file_that_is_gone_is_no_error(owner_client, add):
    image = add(picture_bytes("red circle"))
    default_storage.delete(image.file_name)
    default_storage.delete(image.thumbnail_name)
    for part in ("file", "large", "thumbnail"):
        assert owner_client.get(url(image, part))["Content-Type"] == "image/svg+xml"


@pytest.mark.parametrize(
    ("format", "shown"), [("JPEG", "image/jpeg"), ("TIFF", "image/webp"), ("HEIF", "image/webp")]
)
def test_large_is_something_browsers_show(owner_client, add, format, shown):
    image = add(picture_bytes("red circle", format=format, size=(2400, 1200)))
    answer = owner_client.get(url(image, "large"))
    assert answer["Content-Type"] == shown
    picture = Picture.open(io.BytesIO(b"".join(answer.streaming_content)))
    assert picture.size == ((2400, 1200) if format == "JPEG" else (2000, 1000))


def test_what_the_worker_has_not_read_is_not_decoded_in_the_web_server(owner_client, add):
    image = add(picture_bytes("red circle", format="TIFF"))
    Image.objects.update(embedding_state="failed")
    assert owner_client.get(url(image, "large"))["Content-Type"] == "image/svg+xml"
    assert not default_storage.exists(image.large_name)


@pytest.mark.parametrize("part", ["file", "large", "thumbnail"])
def test_strangers_get_404_and_the_anonymous_are_sent_to_sign_in(stranger_client, add, part):
    image = add(picture_bytes("red circle"))
    assert stranger_client.get(url(image, part)).status_code == 404
    assert Client().get(url(image, part)).status_code == 302


def test_an_image_is_not_served_through_another_project(owner_client, owner, add, project):
    other = type(project).objects.create(name="Other", owner=owner)
    image = add(picture_bytes("red circle"))
    address = f"/projects/{other.pk}/images/{image.pk}/file"
    assert owner_client.get(address).status_code == 404


def test_a_thumbnail_costs_four_queries(
    owner_client, add, django_assert_num_queries: DjangoAssertNumQueries
):
    image = add(picture_bytes("red circle"))
    with django_assert_num_queries(4):
        owner_client.get(url(image, "thumbnail"))


@pytest.fixture
def behind_nginx(settings) -> None:
    settings.ENVIRONMENT = {**settings.ENVIRONMENT, "LABELING_X_ACCEL": True}


def test_behind_nginx_the_answer_says_which_file_to_send(owner_client, behind_nginx, add):
    image = add(picture_bytes("red circle", format="PNG"), "ä <b>.jpg")
    answer = owner_client.get(url(image, "file"))
    assert answer["X-Accel-Redirect"] == f"/photos-of-the-data-folder/{image.file_name}"
    assert answer.content == b""
    assert answer["Content-Type"] == "image/png"
    assert answer["Content-Disposition"] == "inline; filename*=utf-8''%C3%A4%20%3Cb%3E.jpg"
    assert answer["Cache-Control"].startswith("private")


def test_behind_nginx_a_stranger_is_told_no_file(stranger_client, behind_nginx, add):
    answer = stranger_client.get(url(add(picture_bytes("red circle")), "file"))
    assert answer.status_code == 404
    assert not answer.has_header("X-Accel-Redirect")


def test_behind_nginx_a_file_that_is_gone_is_no_error(owner_client, behind_nginx, add):
    image = add(picture_bytes("red circle"))
    default_storage.delete(image.file_name)
    assert owner_client.get(url(image, "file"))["Content-Type"] == "image/svg+xml"
