"""The encoder of a project, loaded once a process: in workers, after their fork, and where the web
server is asked about an image it has not seen."""

from __future__ import annotations

import os
import threading

from django.conf import settings

from projects.metrics import count_seconds_of
from projects.models import Project
from similarity.encoders import OPEN_CLIP_PREFIX, Encoder, load_encoder
from similarity.errors import EncoderUnavailable

_loaded: dict[str, Encoder] = {}
_loading = threading.Lock()
one_at_a_time = threading.Lock()
"""Held around `embed_inputs` of encoders that take one thread at a time. The web server holds it
around all: each call takes every core there, and two at once would only both be slow."""
_calls_at_once = False


def expect_calls_at_once() -> None:
    """Load encoders for several calls at once, a core each, as a worker makes them.

    So two cores read 1.16 times as many images as when each call takes both. Without this, as in
    the web server, a call takes all cores, since somebody waits for it.
    """
    global _calls_at_once
    _calls_at_once = True


def needs_worker(project: Project) -> bool:
    """Whether the encoder runs in workers only: torch takes seconds and 220 MB of a web server."""
    return project.encoder.startswith(OPEN_CLIP_PREFIX)


def is_loaded(name: str) -> bool:
    """Whether this process has the encoder already."""
    return name in _loaded


def encoder_named(name: str) -> Encoder:
    """Return the encoder of this name, loaded now if this process does not have it yet.

    Raises:
        EncoderUnavailable: it cannot be loaded.
    """
    with _loading:
        if name not in _loaded:
            loaded = load_encoder(name, folder=settings.ENCODER_FOLDER, threads=_threads(name))
            _loaded[name] = count_seconds_of(loaded)
        return _loaded[name]


def _threads(name: str) -> int:
    """Return how many cores one call takes: torch, which takes one call at a time, gets all."""
    at_once = _calls_at_once and not name.startswith(OPEN_CLIP_PREFIX)
    return 1 if at_once else min(os.cpu_count() or 1, 4)


def encoder_for(project: Project) -> Encoder:
    """Return the encoder of the project.

    Raises:
        EncoderUnavailable: it cannot be loaded, or is of another version than the project's
            embeddings: vectors of two versions cannot be compared.
    """
    encoder = encoder_named(project.encoder)
    if project.encoder_version not in {"", encoder.version}:
        raise EncoderUnavailable(
            "other_version",
            f"The images of this project were embedded by version {project.encoder_version} of "
            f"{encoder.name}, and version {encoder.version} is installed. Install the former "
            "again, or have the images re-embedded: Encoder in the settings of the project.",
        )
    return encoder
