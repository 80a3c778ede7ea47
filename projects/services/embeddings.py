"""Embedding: rows are the queue, and a worker holds a few of them at a time by a lease.

A lost or doubled message, a killed worker or a restart loses nothing and repeats nothing.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Greatest
from django.utils import timezone

from projects.models import Embedding, Image, Project
from projects.models.images import MAX_ATTEMPTS
from projects.services.encoders import encoder_for
from projects.services.leases import Stint, kept_lease
from projects.services.reading import Readers, Reading, Underway, read_and_embed
from similarity.encoders import Encoder
from similarity.errors import EncoderUnavailable

log = logging.getLogger(__name__)

CHUNK = 128
"""Images of one claim: long enough that its two transactions hardly count, short enough to lose:
half a second of work."""
CHUNKS_AHEAD = 2
"""Chunks claimed at a time. With one, no core did anything for 0.1 s after each chunk."""
CHUNK_PIXELS = 100_000_000
"""And their pixels: of the slowest format, 15 million a second, two chunks take 15 s. Those of a
JPEG count a quarter: it is decoded smaller where it is large."""
LEASE = timedelta(seconds=45)

State = Image.EmbeddingState
STOPPED = (
    f"Reading this image stopped the worker {MAX_ATTEMPTS} times; save it in another format, "
    "such as JPEG or PNG, and upload that."
)


def fresh() -> QuerySet[Image]:
    """Pending images that no worker has begun."""
    return Image.objects.pending().filter(lease_until__isnull=True)


def dropped() -> QuerySet[Image]:
    """Pending images whose worker died: its lease is over."""
    return Image.objects.pending().filter(lease_until__lt=timezone.now())


def waiting(limit: int = CHUNK + 1) -> int:
    """Return how many images a worker could take now, counting up to a limit.

    Those whose encoder cannot be loaded do not count: only the sweep tries again for them.
    """
    stuck = _stuck_projects()
    found = [q.exclude(project__in=stuck).order_by()[:limit].count() for q in (fresh(), dropped())]
    return min(sum(found), limit)


def is_worked_on() -> bool:
    """Whether a living worker holds images; it looks for more when it is done with these."""
    return Image.objects.pending().filter(lease_until__gte=timezone.now()).exists()


def _stuck_projects() -> list[int]:
    return list(Project.objects.exclude(encoder_problem="").values_list("pk", flat=True))


def claim(
    limit: int | None = None, *, skip: Collection[int] = (), fresh_only: bool = False
) -> list[Image]:
    """Take a lease on some images of one encoder, and return them with their projects.

    Two workers never hold the same image. One whose worker died is taken alone: if it was the
    cause, it takes nobody along, and after the last attempt it is marked failed.

    Args:
        limit: most images taken, `CHUNK` of them if not said; fewer when they are large.
        skip: ids of projects to leave alone.
        fresh_only: leave those of dead workers for another call.
    """
    with transaction.atomic():
        _give_up()
        taken = take(fresh().exclude(project__in=skip), limit or CHUNK)
        if taken or fresh_only:
            return taken
        return take(dropped().exclude(project__in=skip), 1)


def take(images: QuerySet[Image], limit: int) -> list[Image]:
    """Take a lease on the first of some images, in a transaction of the caller's.

    Of one encoder, and not more than `CHUNK_PIXELS` unless it is a single image.
    """
    taken = _lock(images, limit)
    until = timezone.now() + LEASE
    # On SQLite the transaction is alone (IMMEDIATE); on PostgreSQL the rows are locked.
    Image.objects.filter(pk__in=[image.pk for image in taken]).update(
        lease_until=until, attempts=F("attempts") + 1
    )
    for image in taken:
        image.lease_until, image.attempts = until, image.attempts + 1
    return taken


def _lock(images: QuerySet[Image], limit: int) -> list[Image]:
    # Of the images alone: a query that also names other tables would lock theirs.
    candidates = images.order_by("id").select_for_update(skip_locked=True, of=("self",))
    found = list(candidates[:limit])
    projects = Project.objects.in_bulk({image.project_id for image in found})
    taken: list[Image] = []
    pixels = 0
    for image in found:
        image.project = projects[image.project_id]
        pixels += image.width * image.height // (4 if image.extension == ".jpg" else 1)
        if taken and (pixels > CHUNK_PIXELS or image.project.encoder != taken[0].project.encoder):
            break
        taken.append(image)
    return taken


def _give_up() -> int:
    return (
        dropped()
        .filter(attempts__gte=MAX_ATTEMPTS)
        .update(embedding_state=State.FAILED, failure_reason=STOPPED, lease_until=None)
    )


def release(images: Sequence[Image]) -> None:
    """Give images back as if they had not been claimed: what stopped us was not their fault."""
    _held(images).update(lease_until=None, attempts=Greatest(F("attempts") - 1, 0))


def _drop(images: Sequence[Image]) -> None:
    """Let the lease end now, with the attempt counted: one of these may be the cause."""
    _held(images).update(lease_until=timezone.now())


def _held(images: Sequence[Image]) -> QuerySet[Image]:
    """Those that were not written meanwhile: what is written has no lease any more."""
    return Image.objects.filter(pk__in=[image.pk for image in images], lease_until__isnull=False)


@contextmanager
def held(images: Sequence[Image]) -> Iterator[None]:
    """Hold claimed images while the block runs, and let go of them as it deserves.

    An error that may be an image's fault is logged and counts as an attempt. What is not, an
    encoder that cannot be loaded or a full disk, gives them back and is raised.
    """
    try:
        with kept_lease(images, LEASE):
            yield
    except (EncoderUnavailable, OSError):
        release(images)
        raise
    except Exception:
        log.exception("embedding images %s failed", [image.pk for image in images])
        _drop(images)


def work_off(
    *,
    seconds: float,
    retry_encoders: bool = False,
    asked_to_stop: Callable[[], bool] | None = None,
    fresh_only: bool = False,
) -> None:
    """Embed until nothing waits or the time is up; chunks that were begun are finished.

    Args:
        seconds: no chunk is begun after that.
        retry_encoders: try again for projects whose encoder could not be loaded before.
        asked_to_stop: when it says so, no chunk is begun either.
        fresh_only: leave images of dead workers to others.

    Raises:
        OSError: the disk is full or gone. Nothing is marked failed.
    """
    stint = Stint(seconds, asked_to_stop)
    skip = set() if retry_encoders else set(_stuck_projects())
    with Readers() as readers, _Line(readers, skip, fresh_only=fresh_only) as line:
        while True:
            while not stint.is_over and line.begin():
                pass
            if not line.chunks:
                return
            line.finish()


@dataclass
class _Chunk:
    """Claimed images that are being read, and what holds their lease."""

    images: Sequence[Image]
    encoder: Encoder
    underway: Underway
    holding: ExitStack


class _Line:
    """Chunks one behind the other: while one is written the next is read, so that no core waits."""

    def __init__(self, readers: Readers, skip: set[int], *, fresh_only: bool) -> None:
        self.readers = readers
        self.skip = skip
        self.fresh_only = fresh_only
        self.chunks: deque[_Chunk] = deque()

    def __enter__(self) -> _Line:
        return self

    def __exit__(self, *_: object) -> None:
        """Give back what was begun when something stopped us that was not its fault."""
        for chunk in self.chunks:
            chunk.underway.cancel()
            with chunk.holding:
                release(chunk.images)

    def begin(self) -> bool:
        """Claim one more chunk and have it read; return whether there was one, and room for it."""
        if self._is_full:
            return False
        images = claim(skip=self.skip, fresh_only=self.fresh_only or bool(self.chunks))
        if not images:
            return False
        with self._noting_problems(images), ExitStack() as stack:
            stack.enter_context(held(images))
            encoder = encoder_for(images[0].project)
            underway = self.readers.begin(images, encoder)
            self.chunks.append(_Chunk(images, encoder, underway, stack.pop_all()))
        return True

    @property
    def _is_full(self) -> bool:
        # Images of a worker that died are alone: if one of them was the cause, it takes nobody
        # along.
        return len(self.chunks) == CHUNKS_AHEAD or any(
            image.attempts > 1 for chunk in self.chunks for image in chunk.images
        )

    def finish(self) -> None:
        """Wait for the chunk that was begun first, and write it."""
        chunk = self.chunks.popleft()
        with self._noting_problems(chunk.images), chunk.holding:
            write_readings(chunk.underway.readings(), chunk.encoder)

    @contextmanager
    def _noting_problems(self, images: Sequence[Image]) -> Iterator[None]:
        try:
            yield
        except EncoderUnavailable as problem:
            self.skip |= _note_problem(images, str(problem))


def _note_problem(images: Sequence[Image], sentence: str) -> set[int]:
    ids = {image.project_id for image in images}
    Project.objects.filter(pk__in=ids).update(encoder_problem=sentence[:500])
    return ids


def embed_claimed(images: Sequence[Image], encoder: Encoder) -> None:
    """Read and embed claimed images, and write what that gave.

    A file that cannot be read marks only itself failed, with the reason.
    """
    write_readings(read_and_embed(images, encoder), encoder)


def write_readings(readings: Sequence[Reading], encoder: Encoder) -> None:
    """Write vectors, states and revisions in one transaction; images no longer pending stay.

    Where the project has changed its encoder since they were claimed, its images are given back:
    they are embedded by the new one.
    """
    images = [each.image for each in readings]
    with transaction.atomic():
        # Always in this order, or two workers could each wait for the other's project.
        for project in sorted({image.project for image in images}, key=lambda each: each.pk):
            project.raise_revision()
            if not _is_still_its(encoder, project):
                release([image for image in images if image.project_id == project.pk])
                images = [image for image in images if image.project_id != project.pk]
                continue
            _write_encoder(project, encoder)
        ids = [image.pk for image in images]
        # Another worker may have been faster, and the trash may have been emptied.
        still = set(Image.objects.pending().filter(pk__in=ids).values_list("pk", flat=True))
        _write([each for each in readings if each.image.pk in still], encoder)


def _is_still_its(encoder: Encoder, project: Project) -> bool:
    """Ask under the project's lock: a re-embedding may have switched it a moment ago."""
    project.refresh_from_db(fields=["encoder", "encoder_version", "encoder_problem"])
    return project.encoder in {"", encoder.name} and project.encoder_version in {
        "",
        encoder.version,
    }


def _write_encoder(project: Project, encoder: Encoder) -> None:
    if project.encoder_version != encoder.version or project.encoder_problem:
        project.encoder_version = encoder.version
        project.encoder_problem = ""
        project.save(update_fields=["encoder_version", "encoder_problem"])


def _write(readings: Sequence[Reading], encoder: Encoder) -> None:
    embedded = write_vectors(readings, encoder)
    done = {"lease_until": None, "attempts": 0}
    Image.objects.filter(pk__in=embedded).update(
        embedding_state=State.EMBEDDED, failure_reason="", **done
    )
    for reading in readings:
        if reading.vector is None:
            Image.objects.filter(pk=reading.image.pk).update(
                embedding_state=State.FAILED, failure_reason=reading.failure[:500], **done
            )


def write_vectors(readings: Sequence[Reading], encoder: Encoder) -> list[int]:
    """Write the vectors that are not there yet; return the ids of the images that have one."""
    rows = [
        Embedding(
            image=reading.image,
            project_id=reading.image.project_id,
            encoder=encoder.name,
            encoder_version=encoder.version,
            vector=reading.vector.astype("<f4").tobytes(),
        )
        for reading in readings
        if reading.vector is not None
    ]
    Embedding.objects.bulk_create(rows, ignore_conflicts=True)
    return [row.image_id for row in rows]
