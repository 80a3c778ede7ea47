"""Suggestions for many images in one request: at once as far as time allows, the rest as a job."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models import F
from django.utils import timezone

from projects.errors import Refusal, TooLarge
from projects.models import Image, Job, Project
from projects.services.arrivals import too_large
from projects.services.leases import kept_lease
from projects.services.predictions import Answer, Controls, refuse_unlabeled, suggest_labels
from projects.services.queries import (
    Query,
    images_named,
    queries_of_embedded,
    query_of_bytes,
    query_of_image,
    shortened_name,
)
from similarity.errors import SimilarityError

log = logging.getLogger(__name__)

MAX_ITEMS = 1_000
PIECE = 100
"""Images searched and voted on at once, if they are embedded already."""
PIECE_OF_FILES = 16
"""Files read and embedded in a row, about 0.3 s: what a deadline may be missed by."""
SECONDS_AT_ONCE = 20.0
"""Nothing is begun after that in a request, so that it ends within 30 s on a busy machine too."""
LEASE = timedelta(seconds=45)
MAX_ATTEMPTS = 3
KEPT_FOR = timedelta(days=7)
STOPPED = f"The worker was stopped {MAX_ATTEMPTS} times by these images; send fewer at once."


@dataclass(frozen=True)
class Item:
    """One image that is asked about: of the project by name, or a file."""

    image: str
    content: Callable[[], bytes] | None = None


Result = dict[str, Any]
"""`{"image", "suggestions": [{"label", "score"}]}`, and either `hits` if asked for, or `error` and
`code`."""


def item_of_file(name: str, file: File[bytes]) -> Item:
    """Return the item of a file that came with the request."""

    def content() -> bytes:
        if refusal := too_large(file.size or 0):
            raise TooLarge(refusal, code="file_too_large")
        file.seek(0)
        return bytes(file.read())

    return Item(name, content)


def answer_items(
    project: Project,
    items: Sequence[Item],
    controls: Controls,
    *,
    seconds: float,
    with_hits: bool = False,
    in_worker: bool = False,
) -> list[Result]:
    """Return results for the first of the items, as many as the time allows; at least one piece.

    An image that is unknown or cannot be read gets an error of its own; the others go on. It stops
    early where only a worker can embed what comes next.

    Raises:
        Conflict: no image of the project is labeled.
    """
    refuse_unlabeled(project)
    deadline = time.monotonic() + seconds
    asked = _Asked(project, controls, with_hits=with_hits, in_worker=in_worker)
    results: list[Result] = []
    while len(results) < len(items) and (not results or time.monotonic() < deadline):
        piece = items[len(results) :][:PIECE]
        if any(item.content for item in piece):
            piece = piece[:PIECE_OF_FILES]
        answered = asked.about(piece)
        results += answered
        if len(answered) < len(piece):
            break
    return results


class _Asked:
    """Turns pieces of items into results."""

    def __init__(
        self, project: Project, controls: Controls, *, with_hits: bool, in_worker: bool
    ) -> None:
        self.project, self.controls = project, controls
        self.with_hits, self.in_worker = with_hits, in_worker

    def about(self, piece: Sequence[Item]) -> list[Result]:
        """Return the results of the first items of a piece, up to one for a worker."""
        named = images_named(self.project, [i.image for i in piece if i.content is None])
        embedded = queries_of_embedded(self.project, named.values())
        found: list[Query | Result] = []
        for item in piece:
            image = named.get(item.image) if item.content is None else None
            query = self._query(item, image, embedded)
            if isinstance(query, Query) and query.vector is None:
                break
            found.append(query)
        return self._results(piece, found)

    def _query(self, item: Item, image: Image | None, embedded: dict[int, Query]) -> Query | Result:
        try:
            if item.content is not None:
                return query_of_bytes(self.project, item.content(), in_worker=self.in_worker)
            if image is None:
                name = shortened_name(item.image)
                return _failure(item, f"The project has no image “{name}”.", "image_not_found")
            return embedded.get(image.pk) or query_of_image(image, in_worker=self.in_worker)
        except Refusal as problem:
            return _failure(item, str(problem), problem.code)
        except SimilarityError as problem:
            return _failure(item, str(problem), problem.code)

    def _results(self, piece: Sequence[Item], found: Sequence[Query | Result]) -> list[Result]:
        queries = [each for each in found if isinstance(each, Query)]
        answers = iter(
            suggest_labels(self.project, queries, self.controls, with_hits=self.with_hits)
            if queries
            else ()
        )
        return [
            self._result(item, next(answers)) if isinstance(each, Query) else each
            for item, each in zip(piece, found, strict=False)
        ]

    def _result(self, item: Item, answer: Answer) -> Result:
        result: Result = {"image": item.image, "suggestions": told(answer)}
        if self.with_hits:
            result["hits"] = [hit._asdict() for hit in answer.hits]
        return result


def _failure(item: Item, sentence: str, code: str) -> Result:
    return {"image": item.image, "suggestions": [], "error": sentence, "code": code}


def told(answer: Answer) -> list[dict[str, Any]]:
    """Return the suggestions as scripts get them."""
    return [{"label": each.label.name, "score": each.score} for each in answer.suggestions]


def make_job(
    project: Project,
    user: AbstractBaseUser,
    items: Sequence[Item],
    controls: Controls,
    *,
    results: Sequence[Result] = (),
    with_hits: bool = False,
) -> Job:
    """Write down the items for the worker, with the results that are there already.

    Files are kept until they are answered. Queueing the worker is left to the caller.
    """
    folder = f"jobs/{secrets.token_hex(16)}"
    rows: list[dict[str, str]] = []
    for number, item in enumerate(items):
        row = {"image": item.image}
        if item.content is not None and number >= len(results):
            row["stored"] = _stored(f"{folder}-{number}", item.content)
        rows.append(row)
    return Job.objects.create(
        project=project,
        user_id=user.pk,
        controls={**asdict(controls), "with_hits": with_hits},
        items=rows,
        results=list(results),
        total=len(rows),
        done=len(results),
    )


def _stored(name: str, content: Callable[[], bytes]) -> str:
    try:
        return default_storage.save(name, ContentFile(content()))
    except Refusal:
        # Too large to be kept; told of when its turn comes.
        return ""


def work_on(job: Job, *, seconds: float) -> bool:
    """Go on with a job for a while; return whether there is more to do. Safe to run twice."""
    if not _claim(job):
        return False
    settings = dict(job.controls)
    with_hits = bool(settings.pop("with_hits", False))
    items = [_item_of_row(row) for row in job.items[job.done :]]
    with kept_lease([job], LEASE):
        try:
            results = answer_items(
                job.project,
                items,
                Controls(**settings),
                seconds=seconds,
                with_hits=with_hits,
                in_worker=True,
            )
        except (Refusal, SimilarityError) as problem:
            return _end(job, str(problem))
    job.results = [*job.results, *results]
    job.done = len(job.results)
    job.attempts, job.lease_until = 0, None
    if job.done >= job.total:
        return _end(job, "")
    job.save(update_fields=["results", "done", "attempts", "lease_until"])
    return True


def _claim(job: Job) -> bool:
    """Take a job that nobody holds; one that ended its worker too often has failed."""
    free = Job.objects.to_do().filter(pk=job.pk)
    taken = free.filter(attempts__lt=MAX_ATTEMPTS).update(
        state=Job.State.RUNNING, lease_until=timezone.now() + LEASE, attempts=F("attempts") + 1
    )
    if taken:
        job.refresh_from_db()
    elif free.exists():
        _end(job, STOPPED)
    return bool(taken)


def _item_of_row(row: dict[str, str]) -> Item:
    stored = row.get("stored")
    if stored is None:
        return Item(row["image"])

    def content() -> bytes:
        if not stored or not default_storage.exists(stored):
            raise Refusal("The file could not be kept; send it again.", code="file_missing")
        with default_storage.open(stored) as file:
            return bytes(file.read())

    return Item(row["image"], content)


def _end(job: Job, error: str) -> bool:
    job.state = Job.State.FAILED if error else Job.State.DONE
    job.error, job.finished_at, job.lease_until = error[:500], timezone.now(), None
    job.save()
    _delete_files(job)
    return False


def _delete_files(job: Job) -> None:
    for row in job.items:
        if stored := row.get("stored"):
            default_storage.delete(stored)


def purge_jobs() -> int:
    """Forget jobs that ended long ago, with their results."""
    over = Job.objects.filter(finished_at__lt=timezone.now() - KEPT_FOR)
    return over.delete()[0]
