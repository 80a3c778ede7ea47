"""Labels out as CSV and JSON, and in again."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from projects.errors import Refusal
from projects.models import Act, Image, ImageLabel, Project
from projects.services.acts import begin_act
from projects.services.exports import read_cell, write_cell
from projects.services.imports import ImportReport, import_labels
from projects.services.labels import (
    Given,
    apply_labels,
    get_or_create_labels,
    mark_rest_absent,
)
from projects.services.undo import undo

ODD_NAMES = [
    "=1+1",
    "+x",
    "-x",
    "@x",
    "\tx",
    "'x",
    "'=x",
    "plain",
    "a|b",
    "a\\b",
    "ключ",
    '"q"',
    "",
]


@pytest.fixture
def images(project: Project) -> list[Image]:
    return [
        Image.objects.create(
            project=project,
            name=f"{number:03}.jpg",
            path=f"folder/{number:03}.jpg",
            content_hash=f"{number:064x}",
            extension=".jpg",
            byte_size=10,
            width=4,
            height=3,
        )
        for number in range(6)
    ]


def give(project: Project, user: User, image: Image, names: Iterable[str]) -> None:
    with transaction.atomic():
        act = begin_act(project, user, kind=Act.Kind.LABEL, summary="test")
        labels = get_or_create_labels(project, user, list(names))
        wanted = {image.pk: [Given(label.pk) for label in labels]}
        apply_labels(act, wanted, mode="set", source=ImageLabel.Source.HAND)


def labels_of(project: Project) -> dict[str, list[str]]:
    return {
        image.name: [
            row.label.name for row in image.image_labels.order_by("-is_default", "label__name")
        ]
        for image in project.images.order_by("name")
    }


def exported(client: Client, project: Project, query: str = "") -> str:
    answer = client.get(f"/projects/{project.pk}/export.csv{query}")
    assert answer.status_code == 200
    return b"".join(answer.streaming_content).decode()  # type: ignore[arg-type]


def upload(client: Client, project: Project, text: str | bytes) -> object:
    content = text.encode() if isinstance(text, str) else text
    return client.post(
        f"/projects/{project.pk}/import", {"file": SimpleUploadedFile("labels.csv", content)}
    )


def read_in(project: Project, user: User, text: str) -> ImportReport:
    return import_labels(project, user, io.BytesIO(text.encode()))


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_written_cell_is_no_formula_and_reads_back_to_the_letter(name: str) -> None:
    assert not write_cell(name).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert read_cell(write_cell(name)) == name


def test_the_csv_has_a_line_for_every_image_and_the_documented_columns(
    owner_client: Client, owner: User, project: Project, images: list[Image]
) -> None:
    give(project, owner, images[0], ["cat"])
    rows = list(csv.DictReader(io.StringIO(exported(owner_client, project))))
    assert list(rows[0]) == [
        "name", "labels", "default_label", "source", "labeled_by", "labeled_at"
    ]  # fmt: skip
    assert len(rows) == 6
    first = next(row for row in rows if row["name"] == "000.jpg")
    assert (first["labels"], first["default_label"]) == ("cat", "cat")
    assert (first["source"], first["labeled_by"]) == ("hand", "owner")
    assert first["labeled_at"].startswith("20")


def test_the_json_tells_absent_labels_from_unknown_ones_and_the_csv_is_as_before(
    owner_client: Client, owner: User, project: Project, images: list[Image]
) -> None:
    project.multi_label = True
    project.save()
    give(project, owner, images[0], ["cat", "dog"])
    give(project, owner, images[1], ["owl"])
    before = exported(owner_client, project)
    mark_rest_absent(project, owner, [images[1].pk])
    get_or_create_labels(project, owner, ["made later"])
    answer = owner_client.get(f"/projects/{project.pk}/export.json")
    rows = json.loads(b"".join(answer.streaming_content))  # type: ignore[arg-type]
    assert [row["absent"] for row in rows[:3]] == [[], ["cat", "dog"], []]
    assert exported(owner_client, project) == before


def test_the_csv_follows_the_filter_of_the_grid(
    owner_client: Client, owner: User, project: Project, images: list[Image]
) -> None:
    give(project, owner, images[2], ["cat"])
    text = exported(owner_client, project, "?name=002")
    assert [row["name"] for row in csv.DictReader(io.StringIO(text))] == ["002.jpg"]


def test_a_csv_uploaded_again_restores_what_was_there(
    owner_client: Client, owner: User, project: Project, images: list[Image]
) -> None:
    Project.objects.update(multi_label=True)
    project.refresh_from_db()
    give(project, owner, images[0], ["=SUM(A1)", 'it\'s, "odd"'])
    give(project, owner, images[1], ["cat"])
    before, text = labels_of(project), exported(owner_client, project)
    give(project, owner, images[0], ["wrong"])
    give(project, owner, images[1], ["wrong"])
    answer = upload(owner_client, project, text)
    assert answer.status_code == 302  # type: ignore[attr-defined]
    assert labels_of(project) == before


def test_an_import_is_undone_as_a_whole(owner: User, project: Project, images: list[Image]) -> None:
    report = read_in(project, owner, "name,labels\n000.jpg,cat\n001.jpg,dog\n")
    assert report.labeled == 2
    undo(project, owner)
    assert not ImageLabel.objects.exists()


def test_an_import_that_changes_nothing_leaves_no_step_to_undo(
    owner: User, project: Project, images: list[Image]
) -> None:
    read_in(project, owner, "name,labels\n000.jpg,cat\n")
    acts = Act.objects.count()
    report = read_in(project, owner, "name,labels\n000.jpg,cat\n")
    assert (report.labeled, report.unchanged) == (0, 1)
    assert Act.objects.count() == acts


def test_unknown_images_and_empty_lines_are_named_and_the_rest_goes_on(
    owner_client: Client, project: Project, images: list[Image]
) -> None:
    answer = upload(owner_client, project, "name,labels\nnone.jpg,cat\n000.jpg,cat\n001.jpg,\n")
    page = answer.content.decode()  # type: ignore[attr-defined]
    assert "Line 2: there is no image named “none.jpg”." in page
    assert "1 image labeled" in page
    assert "1 line without labels left alone" in page


def test_several_labels_for_one_image_are_refused_in_a_single_label_project(
    owner: User, project: Project, images: list[Image]
) -> None:
    report = read_in(project, owner, "name,labels\n000.jpg,cat|dog\n")
    assert report.labeled == 0
    assert "has one at most" in report.problems[0]


def test_the_default_label_of_the_csv_becomes_the_default(
    owner: User, project: Project, images: list[Image]
) -> None:
    Project.objects.update(multi_label=True)
    project.refresh_from_db()
    read_in(project, owner, "name,labels,default_label\n000.jpg,cat|dog,dog\n")
    default = ImageLabel.objects.filter(image=images[0], is_default=True).values_list("label__name")
    assert default.get() == ("dog",)
    read_in(project, owner, "name,labels,default_label\n000.jpg,cat|dog,cat\n")
    assert default.get() == ("cat",)


def test_semicolons_and_a_byte_order_mark_of_spreadsheets_are_understood(
    owner: User, project: Project, images: list[Image]
) -> None:
    assert read_in(project, owner, "\ufeffname;labels\r\n000.jpg;cat\r\n").labeled == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a,b\n1,2\n", "labels and name are missing"),
        (b"name\n1\n", "labels is missing"),
        (b"\xff\xfe\x00name", "not text in UTF-8"),
        (b'name,labels\n"' + b"x" * 200_000 + b'",y\n', "is not CSV"),
    ],
)
def test_what_is_no_such_csv_is_refused_with_a_sentence(
    content: bytes, sentence: str, owner: User, project: Project
) -> None:
    with pytest.raises(Refusal, match=sentence):
        import_labels(project, owner, io.BytesIO(content))


def test_an_empty_or_missing_file_is_refused(owner_client: Client, project: Project) -> None:
    assert owner_client.post(f"/projects/{project.pk}/import").status_code == 400
    assert upload(owner_client, project, b"").status_code == 400  # type: ignore[attr-defined]


def test_the_json_holds_every_image_with_all_it_carries(
    owner_client: Client, owner: User, project: Project, images: list[Image]
) -> None:
    give(project, owner, images[0], ["cat"])
    answer = owner_client.get(f"/projects/{project.pk}/export.json")
    rows = json.loads(b"".join(answer.streaming_content))  # type: ignore[arg-type]
    assert len(rows) == 6
    first = next(row for row in rows if row["name"] == "000.jpg")
    assert first["path"] == "folder/000.jpg"
    assert first["labels"][0]["label"] == "cat"


def test_the_json_of_no_images_is_an_empty_array(owner_client: Client, project: Project) -> None:
    answer = owner_client.get(f"/projects/{project.pk}/export.json")
    assert json.loads(b"".join(answer.streaming_content)) == []  # type: ignore[arg-type]


def test_an_export_takes_as_many_queries_for_six_images_as_for_one(
    owner_client: Client,
    project: Project,
    images: list[Image],
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_max_num_queries(7):
        exported(owner_client, project)


@pytest.mark.parametrize("part", ["export.csv", "export.json", "import"])
def test_a_stranger_gets_404_and_the_anonymous_is_sent_to_sign_in(
    part: str, stranger_client: Client, project: Project
) -> None:
    url = f"/projects/{project.pk}/{part}"
    assert stranger_client.get(url).status_code == 404
    assert Client().get(url).status_code == 302
