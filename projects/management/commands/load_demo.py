"""`manage.py load_demo`: a project of real photos, half labeled."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from projects.errors import Refusal
from projects.models import UploadResult
from projects.services.demo import find_demo, load_demo
from projects.services.demo_photos import CELLS, FOODS, fetch_any
from projects.services.local import local_user
from projects.tasks import look_for_work


class Command(BaseCommand):
    help = "Make a project of a folder that holds a folder of photos for each label."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", nargs="?", type=Path, help="without it, photos are fetched")
        parser.add_argument("--name", help="of the project; default: Demo and the folder's name")

    def handle(self, *args: Any, folder: Path | None, name: str | None, **options: Any) -> None:
        try:
            if folder:
                self.load(folder, name or f"Demo: {folder.resolve().name}")
            else:
                self.load_fetched(name)
        except Refusal as refusal:
            raise CommandError(str(refusal)) from None

    def load_fetched(self, name: str | None) -> None:
        for known in [name] if name else [FOODS.project_name, CELLS.project_name]:
            if self.is_there(known):
                return
        self.stdout.write("Fetching photos for the demo ...")
        source, folder = fetch_any(Path(settings.DATA_FOLDER) / "cache")
        self.stdout.write(f"Got {source.name}, {source.credit}.")
        self.load(folder, name or source.project_name)

    def is_there(self, name: str) -> bool:
        project = find_demo(local_user(), name)
        if project:
            count = project.images.count()
            self.stdout.write(f"The project “{name}” is there already, with {count} images.")
        return project is not None

    def load(self, folder: Path, name: str) -> None:
        if self.is_there(name):
            return
        project = load_demo(local_user(), folder, name=name, after_chunk=self.after_chunk)
        images = project.images.all()
        labeled = images.filter(is_labeled=True).count()
        again = project.uploads.filter(results__outcome=UploadResult.Outcome.DUPLICATE).count()
        self.stdout.write(
            f"Made the project “{name}”: {images.count()} images, {labeled} labeled"
            + (f" ({again} files were the same as another)." if again else ".")
        )

    def after_chunk(self, done: int, total: int) -> None:
        look_for_work()
