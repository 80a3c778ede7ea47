"""Images that wait for the worker, as the tests look at them."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from projects.models import Image


def states() -> list[str]:
    return list(Image.objects.order_by("id").values_list("embedding_state", flat=True))


def end_leases() -> None:
    """What a killed worker leaves, some time later."""
    Image.objects.filter(lease_until__isnull=False).update(
        lease_until=timezone.now() - timedelta(seconds=1)
    )


def cut(content: bytes) -> bytes:
    """A JPEG whose header is whole and whose picture is not."""
    return content[: len(content) // 2]
