"""How much one project may be asked over the API: requests a minute, predictions a day.

Requests are counted in this process, which is the only one on a laptop. Predictions are counted in
the database, and only where there is a quota: counting costs a write.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from projects.errors import TooMany
from projects.models import DayOfUse, Project

MINUTE = 60.0
MOST_PROJECTS = 10_000

_windows: OrderedDict[int, tuple[float, int]] = OrderedDict()
_lock = threading.Lock()


def count_request(project: Project) -> None:
    """Count a request of this minute.

    Raises:
        TooMany: it is one too many; says when there is room again.
    """
    most = int(settings.ENVIRONMENT["LABELING_API_PER_MINUTE"])
    if not most:
        return
    wait = _counted(project.pk, most)
    if wait:
        raise TooMany(
            f"More than {most:,} requests a minute for project {project.pk}; wait "
            f"{wait:.0f} seconds, or ask about many images in one request.",
            code="throttled",
            wait=wait,
        )


def _counted(project_id: int, most: int) -> float:
    """Return the seconds to wait, 0 where the request was counted."""
    now = time.monotonic()
    with _lock:
        start, count = _windows.get(project_id, (now, 0))
        if now - start >= MINUTE:
            start, count = now, 0
        if count >= most:
            return max(1.0, start + MINUTE - now)
        _windows[project_id] = (start, count + 1)
        _windows.move_to_end(project_id)
        while len(_windows) > MOST_PROJECTS:
            _windows.popitem(last=False)
        return 0.0


def forget_counts() -> None:
    """Begin to count anew."""
    with _lock:
        _windows.clear()


def count_predictions(project: Project, number: int = 1) -> None:
    """Count images that are asked about today (UTC).

    Raises:
        TooMany: they are more than the quota leaves; none of them is counted.
    """
    most = int(settings.ENVIRONMENT["LABELING_PREDICTIONS_A_DAY"])
    if not most:
        return
    now = timezone.now()
    with transaction.atomic():
        day, _ = DayOfUse.objects.get_or_create(project=project, day=now.date())
        left = DayOfUse.objects.filter(pk=day.pk, predictions__lte=most - number)
        if left.update(predictions=F("predictions") + number):
            return
    raise TooMany(
        f"Project {project.pk} may be asked about {most:,} images a day and was asked about "
        f"{day.predictions:,}; {number:,} more have to wait until tomorrow (UTC).",
        code="quota",
        wait=_seconds_to_tomorrow(now),
    )


def _seconds_to_tomorrow(now: datetime) -> float:
    tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return (tomorrow - now).total_seconds()
