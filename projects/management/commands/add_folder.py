"""`manage.py add_folder`: photos that lie on this machine, without a browser."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from projects.errors import Refusal
from projects.models import Project, Upload, UploadResult
from projects.services.disk import add_from_disk, files_of_folder
from projects.services.uploads import finish_upload, start_upload
from projects.tasks import look_for_work


class Command(BaseCommand):
    help = "Add every photo below a folder of this machine to a project, in its owner's name."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", type=int, help="its number, as in the address of its page")
        parser.add_argument("folder", type=Path)
        parser.add_argument(
            "--label-by-folder", action="store_true", help="each innermost folder names a label"
        )

    def handle(
        self, *args: Any, project: int, folder: Path, label_by_folder: bool, **options: Any
    ) -> None:
        found = Project.objects.live().filter(pk=project).select_related("owner").first()
        if found is None:
            raise CommandError(f"There is no project number {project}.")
        try:
            self.add(found, folder, label_by_folder=label_by_folder)
        except Refusal as refusal:
            raise CommandError(str(refusal)) from None

    def add(self, project: Project, folder: Path, *, label_by_folder: bool) -> None:
        files = files_of_folder(folder)
        upload = start_upload(
            project,
            project.owner,
            kind=Upload.Kind.FOLDER,
            label_by_folder=label_by_folder,
            announced=len(files),
        )
        became: Counter[str] = Counter()
        try:
            for results in add_from_disk(upload, files):
                became.update(result.outcome for result in results)
                look_for_work()
                for result in results:
                    if result.outcome == UploadResult.Outcome.REFUSED:
                        self.stderr.write(f"{result.path}: {result.reason}")
        finally:
            finish_upload(upload)
        told = ", ".join(f"{number:,} {name}" for name, number in became.items())
        self.stdout.write(f"{len(files):,} files: {told}.")
