"""Projects as a whole: made, changed, deleted, brought back, purged, and counted for the list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Count, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from ..errors import Conflict
from ..models import Batch, Image, ImageCount, Project

KEPT_FOR = timedelta(days=30)
"""How long a deleted project can be brought back."""

COVER_IMAGES = 5


@dataclass(frozen=True)
class ProjectCard:
    """What the list of projects says about one of them."""

    project: Project
    images: int
    labeled: int
    open_batches: int
    covers: list[Image]

    @property
    def percent_labeled(self) -> int:
        """Rounded down, so that 100 % is said only when nothing is left."""
        return 100 * self.labeled // self.images if self.images else 0


def create_project(user: User, *, name: str, multi_label: bool) -> Project:
    return Project.objects.create(owner=user, name=name, multi_label=multi_label)


def change_project(project: Project, *, name: str, multi_label: bool) -> None:
    """Rename a project or change how many labels an image may have.

    Raises:
        Conflict: single-label is asked for while images carry several labels.
    """
    with transaction.atomic():
        project.raise_revision()
        if project.multi_label and not multi_label:
            _refuse_if_several_labels(project)
        project.name = name
        project.multi_label = multi_label
        project.save(update_fields=["name", "multi_label"])


def _refuse_if_several_labels(project: Project) -> None:
    several = project.images.annotate(n=Count("image_labels")).filter(n__gt=1).count()
    if several:
        raise Conflict(
            f"{several:,} {'image carries' if several == 1 else 'images carry'} several labels. "
            "Take the extra ones away first, then choose one label an image.",
            code="several_labels",
        )


def delete_project(project: Project) -> None:
    """Hide the project from everybody; `restore_project` brings it back within `KEPT_FOR`."""
    project.deleted_at = timezone.now()
    project.save(update_fields=["deleted_at"])


def restore_project(project: Project) -> None:
    project.deleted_at = None
    project.save(update_fields=["deleted_at"])


def deleted_projects(user: User) -> list[Project]:
    """The person's own deleted projects that can still be brought back, newest first."""
    since = timezone.now() - KEPT_FOR
    return list(Project.objects.filter(owner=user, deleted_at__gte=since).order_by("-deleted_at"))


def purge_deleted_projects() -> int:
    """Remove for good what was deleted more than `KEPT_FOR` ago, files included.

    Rows go after their files, so that a purge that is cut short is simply done again.
    """
    purged = 0
    for project in Project.objects.filter(deleted_at__lt=timezone.now() - KEPT_FOR):
        for image in project.images.only("project_id", "content_hash", "extension").iterator():
            for name in image.stored_names:
                default_storage.delete(name)
        project.delete()
        purged += 1
    return purged


def project_cards(user: User) -> list[ProjectCard]:
    """The projects a person sees, with counts and the newest images; queries do not grow with them.

    Cost: kept numbers, and `COVER_IMAGES` rows a project.
    """
    projects = list(Project.objects.visible_to(user))
    counts = {
        row["project"]: (row["images"], row["labeled"])
        for row in ImageCount.objects.filter(project__in=projects, state=Image.State.DATASET)
        .values("project")
        .annotate(
            images=Coalesce(Sum("number"), 0),
            labeled=Coalesce(Sum("number", filter=Q(is_labeled=True)), 0),
        )
    }
    open_batches = {
        row["project"]: row["n"]
        for row in Batch.objects.open()
        .filter(project__in=projects)
        .values("project")
        .annotate(n=Count("id"))
    }
    covers = _covers(projects)
    return [
        ProjectCard(
            project=project,
            images=counts.get(project.pk, (0, 0))[0],
            labeled=counts.get(project.pk, (0, 0))[1],
            open_batches=open_batches.get(project.pk, 0),
            covers=covers.get(project.pk, []),
        )
        for project in projects
    ]


def _covers(projects: Iterable[Project]) -> dict[int, list[Image]]:
    """The newest embedded images of each project, in two queries in all."""
    newest = (
        Image.objects.in_dataset()
        .embedded()
        .filter(project=OuterRef("pk"))
        .order_by("-id")
        .values("id")
    )
    places = {f"cover_{n}": Subquery(newest[n : n + 1]) for n in range(COVER_IMAGES)}
    rows = (
        Project.objects.filter(pk__in=[p.pk for p in projects])
        .annotate(**places)
        .values_list(*places)
    )
    covers: dict[int, list[Image]] = {}
    ids = {pk for row in rows for pk in row if pk is not None}
    for image in Image.objects.filter(pk__in=ids).order_by("-id"):
        covers.setdefault(image.project_id, []).append(image)
    return covers
