"""Re-embedding, as workers do it: in short chunks, and a switch when nothing is left.

What is to do is every embedded image without a vector by the new encoder. Until the switch, which
is one transaction, nothing that people or scripts see has changed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Subquery
from django.utils import timezone

from projects.models import Image, ImageQuerySet, Project, Reembedding, ReembeddingFailure
from projects.models.images import MAX_ATTEMPTS
from projects.services import embeddings
from projects.services.embeddings import LEASE, STOPPED, held, take, write_vectors
from projects.services.encoders import encoder_named, is_loaded
from projects.services.leases import Stint, kept_lease
from projects.services.reading import Reading, read_and_embed
from similarity.encoders import Encoder
from similarity.errors import EncoderUnavailable

log = logging.getLogger(__name__)

CHUNK = 32
"""Images of one claim. Half of `embeddings.CHUNK`: an upload waits for the one that was begun."""
LOADING_STOPPED = (
    f"Loading this encoder stopped the worker {MAX_ATTEMPTS} times: it needs more memory than "
    "there is, or its download takes too long. Choose a smaller one, or start again to go on with "
    "the download."
)

State = Reembedding.State


def begin_turn(run_id: int, turn: int) -> Reembedding | None:
    """Return the re-embedding if this is the message whose turn it is; else another one has it.

    A lost message is sent again by the sweep. Were the first one not lost but late, both would go
    on sending their next ones, and after an hour of sweeps the queue would hold nothing else.
    """
    mine = Reembedding.objects.running().filter(pk=run_id, turn=turn)
    if not mine.update(turn=F("turn") + 1):
        return None
    return Reembedding.objects.select_related("project").get(pk=run_id)


def left_alone() -> list[Reembedding]:
    """Return the running re-embeddings that no living worker holds anything of."""
    now = timezone.now()
    running = Reembedding.objects.running().not_loading()
    return [run for run in running if not run.images.filter(lease_until__gte=now).exists()]


def work_on(
    run: Reembedding, *, seconds: float, asked_to_stop: Callable[[], bool] | None = None
) -> bool:
    """Re-embed until nothing is left, the time is up, or new images wait: those go first.

    Returns:
        Whether there is more to do now.

    Raises:
        OSError: the disk is full or gone. Nothing is marked failed.
    """
    stint = Stint(seconds, asked_to_stop)
    if embeddings.waiting(1):
        return True  # loading the encoder may take long, too
    encoder = _load(run)
    after = 0
    while encoder and not stint.is_over and not embeddings.waiting(1):
        images = claim(run, after=after) or (claim(run) if after else [])
        if not images:
            _switch(run, encoder)
            return False
        with held(images):
            _write(run, read_and_embed(images, encoder), encoder)
        after = images[-1].pk
    return encoder is not None


def _load(run: Reembedding) -> Encoder | None:
    """Return the encoder; None if it cannot be loaded, or another worker is at it."""
    if not is_loaded(run.encoder) and not _claim_loading(run):
        return None
    try:
        with kept_lease([run], LEASE):
            encoder = encoder_named(run.encoder)
    except EncoderUnavailable as problem:
        _fail(run, str(problem))
        return None
    Reembedding.objects.filter(pk=run.pk).update(
        encoder_version=encoder.version, attempts=0, lease_until=None
    )
    run.encoder_version = encoder.version
    return encoder


def _claim_loading(run: Reembedding) -> bool:
    """Let one worker load it first; one that ended its worker too often has failed."""
    free = Reembedding.objects.running().not_loading().filter(pk=run.pk)
    taken = free.filter(attempts__lt=MAX_ATTEMPTS).update(
        lease_until=timezone.now() + LEASE, attempts=F("attempts") + 1
    )
    if not taken and free.exists():
        _fail(run, LOADING_STOPPED)
    return bool(taken)


def _fail(run: Reembedding, sentence: str) -> None:
    shown = sentence if len(sentence) <= 500 else f"{sentence[:499]}…"
    if run.end(State.FAILED, problem=shown, embedded=run.vectors.count()):
        log.warning("project %s: %s", run.project_id, sentence)


# --- chunks ----------------------------------------------------------------------------------


def to_do(run: Reembedding) -> ImageQuerySet:
    """Embedded images without a vector by the new encoder, but for those it could not read."""
    return run.images.filter(~_has_vector(run), ~_is_lost(run))


def _has_vector(run: Reembedding) -> Exists:
    return Exists(run.vectors.filter(image=OuterRef("pk")))


def _is_lost(run: Reembedding) -> Exists:
    return Exists(run.failures.filter(image=OuterRef("pk")))


def claim(run: Reembedding, *, after: int = 0) -> list[Image]:
    """Take a lease on some images, in the order of their ids; none if it was cancelled.

    Args:
        after: only those with a higher id: an image that is done is not looked at in each claim.
            Without it, images of killed workers are taken too, one by one, when no other is left.
    """
    with transaction.atomic():
        if not Reembedding.objects.running().filter(pk=run.pk).exists():
            return []
        fresh = to_do(run).filter(lease_until__isnull=True, pk__gt=after)
        return take(fresh, CHUNK) or ([] if after else _take_dropped(run))


def _take_dropped(run: Reembedding) -> list[Image]:
    dropped = to_do(run).filter(lease_until__lt=timezone.now())
    worn = list(dropped.filter(attempts__gte=MAX_ATTEMPTS))
    _note_failures(run, [Reading(image, failure=STOPPED) for image in worn])
    _let_go(worn)
    return take(dropped, 1)


def _write(run: Reembedding, readings: Sequence[Reading], encoder: Encoder) -> None:
    """Write what reading gave. The revision stays: nothing that is served has changed."""
    images = [reading.image for reading in readings]
    with transaction.atomic():
        # The purge of the trash takes it too; without it, an image could go while we write.
        Project.objects.select_for_update(no_key=True).get(pk=run.project_id)
        ids = [image.pk for image in images]
        there = set(Image.objects.filter(pk__in=ids).values_list("pk", flat=True))
        still = [reading for reading in readings if reading.image.pk in there]
        write_vectors(still, encoder)
        _note_failures(run, [reading for reading in still if reading.vector is None])
        _let_go(images)


def _note_failures(run: Reembedding, readings: Sequence[Reading]) -> None:
    ReembeddingFailure.objects.bulk_create(
        [
            ReembeddingFailure(reembedding=run, image=reading.image, reason=reading.failure[:500])
            for reading in readings
        ],
        ignore_conflicts=True,
    )


def _let_go(images: Sequence[Image]) -> None:
    ids = [image.pk for image in images]
    Image.objects.embedded().filter(pk__in=ids).update(attempts=0, lease_until=None)


# --- the switch ------------------------------------------------------------------------------


def _switch(run: Reembedding, encoder: Encoder) -> None:
    """Make the new encoder the project's, if really nothing is left, in one transaction."""
    with transaction.atomic():
        project = Project.objects.select_for_update(no_key=True).get(pk=run.project_id)
        if to_do(run).exists() or not Reembedding.objects.running().filter(pk=run.pk).exists():
            return
        failure = run.failures.first()
        if failure and not run.images.filter(_has_vector(run)).exists():
            # Not one: the storage is away, and switching would take every image's vector.
            _fail(run, f"No image could be read, so nothing was changed. {failure.reason}")
            return
        project.raise_revision()
        was = {"from_encoder": project.encoder, "from_version": project.encoder_version}
        project.encoder, project.encoder_version = encoder.name, encoder.version
        project.encoder_problem = ""
        project.save(update_fields=["encoder", "encoder_version", "encoder_problem"])
        lost = _settle_images(run)
        run.end(State.DONE, embedded=run.images.count(), lost=lost, **was)


def _settle_images(run: Reembedding) -> int:
    """Make the states agree with the new vectors: embedded is what has one. Return how many failed.

    An image that failed under the encoder before comes back if it has a vector here: that is how
    going back restores what a switch took.
    """
    failed = Image.objects.failed().filter(_has_vector(run), project=run.project_id)
    failed.update(embedding_state=Image.EmbeddingState.EMBEDDED, failure_reason="")
    reasons = run.failures.filter(image=OuterRef("pk")).values("reason")
    return run.images.filter(~_has_vector(run), _is_lost(run)).update(
        embedding_state=Image.EmbeddingState.FAILED,
        failure_reason=Subquery(reasons[:1]),
        attempts=0,
        lease_until=None,
    )
