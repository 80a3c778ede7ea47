"""Uploading over HTTP: who may, what is answered, and what fifty files cost."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from projects.models import Image, Label, Membership, Project, Role, Upload
from projects.services import archives
from projects.services.uploads import start_upload
from tests.drawings import picture_bytes


@pytest.fixture
def url(project: Project) -> str:
    return f"/projects/{project.pk}/"


@pytest.fixture
def upload(project, owner) -> Upload:
    return start_upload(project, owner, kind="folder")


def sent(client: Client, url: str, upload: Upload, *files: tuple[str, bytes]):
    return client.post(
        f"{url}uploads/{upload.pk}/files",
        {
            "path": [path for path, _ in files],
            "file": [SimpleUploadedFile("x.jpg", content) for _, content in files],
        },
        headers={"accept": "application/json"},
    )


def zip_of(*names: str) -> SimpleUploadedFile:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for seed, name in enumerate(names):
            archive.writestr(name, picture_bytes("red circle", seed))
    return SimpleUploadedFile("photos.zip", file.getvalue())


def test_a_folder_is_uploaded_step_by_step(owner_client, url, project):
    begun = owner_client.post(f"{url}uploads/start", {"kind": "folder", "labels": "cat"}).json()
    upload = Upload.objects.get(pk=begun["upload"])
    content = picture_bytes("red circle")
    announced = [
        {"path": "set/a.jpg", "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    ]
    check = f"{url}uploads/{upload.pk}/check"
    asked = owner_client.post(check, {"announced": json.dumps(announced)}).json()
    assert asked == {"missing": [0], "results": {}}
    answer = sent(owner_client, url, upload, ("set/a.jpg", content), ("set/b.jpg", b"no image"))
    assert [each["outcome"] for each in answer.json()["results"]] == ["added", "refused"]
    asked = owner_client.post(check, {"announced": json.dumps(announced)}).json()
    assert asked["missing"] == []
    done = owner_client.post(f"{url}uploads/{upload.pk}/finish").json()
    assert done["state"] == "done"
    assert done["counts"] == {"added": 1, "duplicate": 0, "refused": 1}
    assert owner_client.get(f"{url}uploads/{upload.pk}/status").json() == done
    image = project.images.get()
    assert image.path == "set/a.jpg"
    assert image.image_labels.get().label.name == "cat"


def test_a_zip_is_taken_and_unpacked_later(owner_client, url, upload):
    answer = owner_client.post(
        f"{url}uploads/{upload.pk}/archive", {"file": zip_of("a.jpg", "b.jpg")}
    )
    assert answer.json()["state"] == "unpacking"
    archives.unpack(Upload.objects.get(), seconds=60)
    status = owner_client.get(f"{url}uploads/{upload.pk}/status").json()
    assert (status["state"], status["announced"], status["counts"]["added"]) == ("done", 2, 2)


def test_a_file_that_is_no_zip_is_refused_with_a_sentence(owner_client, url, upload):
    answer = owner_client.post(
        f"{url}uploads/{upload.pk}/archive",
        {"file": SimpleUploadedFile("photos.zip", b"no zip")},
        headers={"accept": "application/json"},
    )
    assert answer.status_code == 400
    assert "not a zip file" in answer.json()["error"]


def test_a_zip_above_the_limit_is_refused(owner_client, url, upload, settings):
    settings.ENVIRONMENT = settings.ENVIRONMENT | {"LABELING_MAX_ARCHIVE_MB": 0}
    answer = owner_client.post(
        f"{url}uploads/{upload.pk}/archive",
        {"file": zip_of("a.jpg")},
        headers={"accept": "application/json"},
    )
    assert answer.status_code == 413


def test_an_upload_for_review_opens_a_batch_and_later_ones_join_it(owner_client, url, project):
    first = owner_client.post(f"{url}uploads/start", {"kind": "files", "review": "1"}).json()
    assert first["review"] == f"{url}batches/{first['batch']}/"
    second = owner_client.post(
        f"{url}uploads/start", {"kind": "zip", "batch": first["batch"]}
    ).json()
    assert second["batch"] == first["batch"]
    assert project.batches.count() == 1


def test_results_come_by_outcome_in_pages(owner_client, url, upload, monkeypatch):
    monkeypatch.setattr("projects.views.uploads.RESULTS_A_PAGE", 2)
    sent(owner_client, url, upload, *((f"<b>{n}.jpg", b"no image") for n in range(3)))
    page = owner_client.get(f"{url}uploads/{upload.pk}/results?outcome=refused").content.decode()
    assert "&lt;b&gt;0.jpg" in page
    assert "2.jpg" not in page
    last = page.split('data-after="')[1].split('"')[0]
    page = owner_client.get(
        f"{url}uploads/{upload.pk}/results?outcome=refused&after={last}"
    ).content.decode()
    assert "2.jpg" in page
    assert "data-after" not in page


def test_many_files_cost_as_many_queries_as_one(owner_client, url, upload):
    # Fifty are one more: SQLite takes 999 variables a statement, 49 rows of 20 columns.
    def queries(*files: tuple[str, bytes]) -> int:
        with CaptureQueriesContext(connection) as caught:
            assert sent(owner_client, url, upload, *files).status_code == 200
        return len(caught)

    queries(("first.jpg", picture_bytes("black ring")))
    one = queries(("one.jpg", picture_bytes("red circle")))
    many = [(f"{n}.jpg", picture_bytes("blue square", n, size=(40, 30))) for n in range(49)]
    assert queries(*many) == one


# Progress and failures


@pytest.fixture
def failed(project) -> Image:
    return Image.objects.create(
        project=project,
        name="<b>.jpg",
        path="<b>.jpg",
        content_hash="a" * 64,
        extension=".jpg",
        byte_size=1,
        width=1,
        height=1,
        embedding_state="failed",
        failure_reason="The JPEG file is cut off.",
    )


def test_progress_counts_what_waits_and_what_failed(owner_client, url, failed):
    assert owner_client.get(f"{url}progress").json() == {
        "pending": 0,
        "embedded": 0,
        "failed": 1,
        "is_held": False,
        "problem": "",
        "unpacking": 0,
        "reembedding": None,
    }


def test_failures_are_listed_with_reasons_retried_and_removed(owner_client, url, failed):
    page = owner_client.get(f"{url}failures").content.decode()
    assert "&lt;b&gt;.jpg" in page
    assert "cut off" in page
    assert owner_client.post(f"{url}failures/retry", {"image": failed.pk}).json() == {"retried": 1}
    failed.refresh_from_db()
    assert failed.embedding_state == "pending"
    Image.objects.update(embedding_state="failed")
    assert owner_client.post(f"{url}failures/remove").json() == {"removed": 1}
    assert owner_client.get(f"{url}progress").json()["failed"] == 0


# Who may, and what is no request

PAGES = [
    ("get", "uploads/options"),
    ("post", "uploads/start"),
    ("post", "uploads/{upload}/check"),
    ("post", "uploads/{upload}/files"),
    ("post", "uploads/{upload}/archive"),
    ("post", "uploads/{upload}/finish"),
    ("get", "uploads/{upload}/status"),
    ("get", "uploads/{upload}/results"),
    ("get", "progress"),
    ("get", "failures"),
    ("post", "failures/retry"),
    ("post", "failures/remove"),
]


@pytest.mark.parametrize(("method", "path"), PAGES)
def test_strangers_get_404_and_the_anonymous_are_sent_to_sign_in(
    method, path, url, upload, stranger_client
):
    address = url + path.format(upload=upload.pk)
    assert getattr(stranger_client, method)(address).status_code == 404
    answer = getattr(Client(), method)(address)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in/")


@pytest.mark.parametrize(
    ("method", "path"), [page for page in PAGES if page[1] not in ("progress", "failures")]
)
def test_viewers_may_not_upload(method, path, url, upload, project, stranger, stranger_client):
    Membership.objects.create(project=project, user=stranger, role=Role.VIEWER)
    answer = getattr(stranger_client, method)(url + path.format(upload=upload.pk))
    assert answer.status_code == 403


def test_nobody_feeds_the_upload_of_somebody_else(url, upload, project, stranger, stranger_client):
    Membership.objects.create(project=project, user=stranger, role=Role.LABELER)
    assert sent(stranger_client, url, upload, ("a.jpg", b"x")).status_code == 404


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("uploads/start", {"kind": "tape"}),
        ("uploads/start", {"kind": "files", "announced": -1}),
        ("uploads/start", {"kind": "files", "labels": "a,b"}),
        ("uploads/start", {"kind": "files", "labels": "x" * 101}),
        ("uploads/start", {"kind": "files", "labels": "a", "review": "1"}),
        ("uploads/{upload}/check", {"announced": "[]"}),
        ("uploads/{upload}/check", {"announced": "no json"}),
        ("uploads/{upload}/check", {"announced": '["a"]'}),
        ("uploads/{upload}/check", {"announced": '[{"path": "a", "size": -1}]'}),
        ("uploads/{upload}/check", {"announced": '[{"path": "a", "size": 1, "sha256": "x"}]'}),
        ("uploads/{upload}/files", {}),
        ("uploads/{upload}/files", {"path": ["a", "b"], "file": SimpleUploadedFile("a", b"x")}),
        ("uploads/{upload}/archive", {}),
        ("failures/retry", {"image": "x"}),
    ],
)
def test_requests_outside_the_bounds_get_400_and_a_sentence(owner_client, url, upload, path, data):
    answer = owner_client.post(
        url + path.format(upload=upload.pk), data, headers={"accept": "application/json"}
    )
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")


def test_a_page_of_results_outside_the_bounds_gets_400(owner_client, url, upload):
    for query in ("", "outcome=lost", "outcome=added&after=x"):
        address = f"{url}uploads/{upload.pk}/results?{query}"
        assert owner_client.get(address).status_code == 400


def test_the_dialog_is_told_labels_and_limits(owner_client, url, project):
    Label.objects.create(project=project, name="Cat", color="#e5484d")
    answer = owner_client.get(f"{url}uploads/options").json()
    assert answer == {
        "labels": ["Cat"],
        "multi_label": False,
        "max_file_mb": 100,
        "max_archive_mb": 20000,
    }
