"""The list of projects, and making, changing, deleting and restoring one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from projects.models import Image, ImageLabel, Label, Membership, Project, Role
from projects.services import projects as service

SHA = "ab" * 32


def add_image(project: Project, number: int, **fields: object) -> Image:
    values = {"width": 10, "height": 10, "byte_size": 5, "extension": ".jpg"} | fields
    name = f"{number}.jpg"
    return Image.objects.create(
        project=project, name=name, path=name, content_hash=f"{number:064x}", **values
    )


def test_a_new_project_opens_and_stands_in_the_list(owner_client: Client) -> None:
    answer = owner_client.post("/projects/new", {"name": "Beetles", "kind": "single"})
    assert answer.status_code == 302
    assert "Beetles" in owner_client.get("/").content.decode()


def test_a_project_without_a_name_is_refused_with_a_sentence(owner_client: Client) -> None:
    answer = owner_client.post("/projects/new", {"name": " ", "kind": "single"})
    assert answer.status_code == 400
    assert "This field is required." in answer.content.decode()


def test_an_empty_list_says_what_to_do(owner_client: Client) -> None:
    assert "Label your first photos" in owner_client.get("/").content.decode()


def test_the_list_counts_images_and_labels(owner_client: Client, project: Project) -> None:
    for number in range(4):
        add_image(project, number, is_labeled=number == 0)
    add_image(project, 9, state=Image.State.STAGED)
    page = owner_client.get("/").content.decode()
    assert "4 images" in page
    assert "1 labeled (25 %)" in page


def test_the_list_takes_as_many_queries_for_twenty_projects_as_for_two(
    owner_client: Client, owner: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(20):
        add_image(Project.objects.create(name=f"P{number}", owner=owner), number)
    with django_assert_num_queries(7):
        owner_client.get("/")


def test_a_project_can_be_renamed_and_changed_to_several_labels(
    owner_client: Client, project: Project
) -> None:
    owner_client.post(f"/projects/{project.pk}/settings", {"name": "New", "kind": "multi"})
    project.refresh_from_db()
    assert (project.name, project.multi_label) == ("New", True)


def test_one_label_an_image_is_refused_while_images_carry_several(
    owner_client: Client, project: Project
) -> None:
    service.change_project(project, name="x", multi_label=True)
    image = add_image(project, 1)
    for name in "ab":
        label = Label.objects.create(project=project, name=name, color="#000000")
        ImageLabel.objects.create(image=image, label=label)
    answer = owner_client.post(f"/projects/{project.pk}/settings", {"name": "x", "kind": "single"})
    assert answer.status_code == 400
    assert "1 image carries several labels" in answer.content.decode()
    project.refresh_from_db()
    assert project.multi_label


def test_deleting_asks_for_the_name_and_can_be_undone(
    owner_client: Client, project: Project
) -> None:
    url = f"/projects/{project.pk}/delete"
    assert owner_client.post(url, {"typed_name": "photos"}).status_code == 400
    assert owner_client.get(f"/projects/{project.pk}/").status_code == 200
    owner_client.post(url, {"typed_name": "Photos"})
    assert owner_client.get(f"/projects/{project.pk}/").status_code == 404
    assert "Restore" in owner_client.get("/").content.decode()
    owner_client.post(f"/projects/{project.pk}/restore")
    assert owner_client.get(f"/projects/{project.pk}/").status_code == 200


@pytest.mark.parametrize("part", ["", "settings"])
def test_a_stranger_gets_404_and_the_anonymous_is_sent_to_sign_in(
    part: str, stranger_client: Client, project: Project
) -> None:
    url = f"/projects/{project.pk}/{part}"
    assert stranger_client.get(url).status_code == 404
    answer = Client().get(url)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in/")


@pytest.mark.parametrize(("part", "role"), [("delete", Role.MANAGER), ("settings", Role.LABELER)])
def test_a_member_whose_role_is_too_low_is_told_so(
    part: str, role: Role, project: Project, stranger: User, stranger_client: Client
) -> None:
    Membership.objects.create(project=project, user=stranger, role=role)
    answer = stranger_client.post(f"/projects/{project.pk}/{part}", {"typed_name": project.name})
    assert answer.status_code == 403
    assert "Your role" in answer.content.decode()


def test_only_the_owner_can_restore(stranger_client: Client, project: Project) -> None:
    service.delete_project(project)
    assert stranger_client.post(f"/projects/{project.pk}/restore").status_code == 404


def test_a_project_deleted_long_ago_is_purged_with_its_files(project: Project) -> None:
    image = add_image(project, 1)
    default_storage.save(image.file_name, ContentFile(b"bytes"))
    service.delete_project(project)
    assert service.purge_deleted_projects() == 0
    Project.objects.update(deleted_at=timezone.now() - service.KEPT_FOR - timedelta(hours=1))
    assert service.purge_deleted_projects() == 1
    assert not default_storage.exists(image.file_name)
    assert not Project.objects.exists()


def test_a_name_with_markup_is_shown_as_text(owner_client: Client, owner: User) -> None:
    Project.objects.create(name="<script>alert(1)</script>", owner=owner)
    assert "<script>alert" not in owner_client.get("/").content.decode()
