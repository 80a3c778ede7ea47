"""The benchmark of ingest: its files are what it says, its limit does all ingest has to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.ingest import limit, photos
from benchmarks.ingest.photos import write_500, write_copies
from benchmarks.ingest.usual import _opened
from similarity.encoders import DEFAULT_ENCODER, load_encoder
from similarity.images import read_image
from tests.drawings import write_pictures


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photos")
    return write_500(folder / "500", 10, write_pictures(folder / "source", each=1))


def test_no_two_files_hold_the_same_bytes_and_each_is_a_picture_of_500_px(paths):
    assert len({path.read_bytes() for path in paths}) == 10
    for path in paths:
        with Image.open(path) as picture:
            assert (picture.format, max(picture.size)) == ("JPEG", 500)


def test_without_photos_they_are_drawn_with_grain_and_as_heavy_as_photos(tmp_path, monkeypatch):
    monkeypatch.setattr(photos, "DISTINCT", 3)
    drawn = write_500(tmp_path, 4, None)
    assert len({path.read_bytes() for path in drawn}) == 4
    for path in drawn:
        with Image.open(path) as picture:
            assert picture.size == (500, 375)
        assert 25_000 < path.stat().st_size < 80_000


def test_more_files_than_pictures_are_copies_with_another_end(tmp_path):
    copies = write_copies(tmp_path, [b"one", b"two"], 3)
    assert [path.read_bytes() for path in copies] == [
        b"one\x00\x00\x00\x00",
        b"two\x00\x00\x00\x01",
        b"one\x00\x00\x00\x02",
    ]


def test_the_limit_embeds_every_file_as_the_encoder_does(paths, encoder_folder, monkeypatch):
    encoder = load_encoder(DEFAULT_ENCODER, folder=encoder_folder)
    made: list[np.ndarray] = []

    class Noting:
        short_side = encoder.short_side
        preprocess = staticmethod(encoder.preprocess)

        def embed_inputs(self, inputs):
            made.extend(vectors := encoder.embed_inputs(inputs))
            return vectors

    monkeypatch.setattr(limit, "load_encoder", lambda *_, **__: Noting())
    assert limit._by_threads(paths, encoder_folder) > 0
    plain = encoder.embed([read_image(path, short_side=encoder.short_side) for path in paths])
    # The first four once more: they warm it up.
    assert {vector.tobytes() for vector in made[4:]} == {vector.tobytes() for vector in plain}


def test_the_usual_loop_sees_the_same_part_of_a_picture(paths, encoder_folder):
    encoder = load_encoder("efficientnet-lite0", folder=encoder_folder)
    ours = encoder.preprocess(read_image(paths[0]))
    usual = _opened(paths[0])
    assert usual.shape == ours.shape
    vectors = encoder.embed_inputs(np.stack([ours, usual.astype(np.float32)]))
    assert vectors[0] @ vectors[1] > 0.97
