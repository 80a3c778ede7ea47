"""Embedding the files of a folder while bad ones are told of and left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from similarity.encoders import DEFAULT_ENCODER, Encoder, load_encoder
from similarity.folders import embed_files, files_under
from similarity.images import read_image


@pytest.fixture(scope="module")
def encoder(encoder_folder: Path) -> Encoder:
    return load_encoder(DEFAULT_ENCODER, folder=encoder_folder)


def test_files_come_sorted_from_all_subfolders_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b/2.jpg", "b/deep/1.jpg", "a.jpg", ".hidden.jpg", ".trash/x.jpg", "b/.thumb"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in files_under(tmp_path)]
    assert found == ["a.jpg", "b/2.jpg", "b/deep/1.jpg"]


def test_bad_files_are_told_of_and_the_rest_keeps_its_rows(
    encoder: Encoder, drawn_pictures: Path, tmp_path: Path
) -> None:
    good = files_under(drawn_pictures) * 2
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "empty.jpg").touch()
    bad = [tmp_path / "text.jpg", tmp_path / "empty.jpg", tmp_path / "missing.jpg"]
    mixed = [bad[0], *good[:20], bad[1], *good[20:], bad[2]]
    refused: dict[Path, str] = {}
    progress: list[int] = []
    found = embed_files(
        mixed,
        encoder,
        threads=3,
        on_refused=lambda path, sentence: refused.update({path: sentence}),
        on_progress=progress.append,
    )
    assert found.paths == good
    plain = encoder.embed([read_image(path, short_side=encoder.short_side) for path in good])
    np.testing.assert_allclose(found.embeddings, plain, atol=1e-5)
    assert set(refused) == set(bad)
    assert all(sentence.endswith(".") for sentence in refused.values())
    assert progress == sorted(progress)
    assert progress[-1] == len(mixed)


def test_no_files_give_no_rows(encoder: Encoder) -> None:
    found = embed_files([], encoder, threads=1, on_refused=print, on_progress=print)
    assert found.embeddings.shape == (0, encoder.dim)
