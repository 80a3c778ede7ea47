"""Count all images anew, and say whether the numbers that pages show were right."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from projects.services.counts import recount


class Command(BaseCommand):
    help = "Count images and labels anew, and repair the numbers that pages show."

    def handle(self, *_args: Any, **_options: Any) -> None:
        repaired = recount()
        self.stdout.write("Some were wrong, and are right now." if repaired else "All were right.")
