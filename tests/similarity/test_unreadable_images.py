"""Files that are no usable picture: each is refused with a code and a sentence."""

from __future__ import annotations

import csv
import pickle
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from similarity.errors import UnreadableImage
from similarity.images import inspect_image, read_image

from .test_images import file_of, two_halves


def refusal_of(content: bytes, **knobs: int) -> UnreadableImage:
    with pytest.raises(UnreadableImage) as refused:
        read_image(content, **knobs)
    assert str(refused.value) == refused.value.message
    assert refused.value.message.endswith(".")
    return refused.value


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def png_header(width: int, height: int) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)


def test_an_empty_file_is_refused() -> None:
    assert refusal_of(b"").code == "empty"


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"\x00\x00\x01\x00\x01\x00" + bytes(60), "format_not_accepted", "ICO images"),
        (b"8BPS\x00\x01" + bytes(60), "format_not_accepted", "Photoshop"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "format_not_accepted", "SVG images"),
        (b"<?xml version='1.0'?><!-- x --><svg/>", "format_not_accepted", "SVG images"),
        (b"P6 2 2 255\n" + bytes(12), "format_not_accepted", "PNM images"),
        (b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(60), "format_not_accepted", "JPEG 2000"),
        (b"\x00\x00\x00\x18ftypmp42" + bytes(60), "not_an_image", "a video"),
        (b"%PDF-1.7\n" + bytes(60), "not_an_image", "PDF"),
        (b"PK\x03\x04" + bytes(60), "not_an_image", "zip"),
        (b"<!DOCTYPE html><title>x</title>", "not_an_image", "HTML"),
        ("Grüße, this is text".encode(), "not_an_image", "text"),
        (b"long text " * 9000, "not_an_image", "text"),
        (bytes(range(128, 255)) * 9, "not_an_image", "not an image"),
    ],
)
def test_a_file_of_another_kind_is_refused_by_its_name(
    content: bytes, code: str, words: str
) -> None:
    error = refusal_of(content)
    assert error.code == code
    assert words in error.message


@pytest.mark.parametrize("format", ["ICO", "PPM", "TGA", "PCX", "JPEG2000", "EPS", "DDS", "SGI"])
def test_other_formats_that_pillow_reads_are_refused(format: str) -> None:
    content = file_of(two_halves(), format)
    assert refusal_of(content).code in ("format_not_accepted", "not_an_image")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF"])
def test_an_image_cut_off_anywhere_is_refused_or_read_and_nothing_else(format: str) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (60, 80, 3), np.uint8)
    content = file_of(Image.fromarray(noise), format)
    for end in range(1, len(content), max(1, len(content) // 40)):
        try:
            inspect_image(content[:end])
            read_image(content[:end])
        except UnreadableImage:
            continue


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF"])
def test_a_missing_end_is_called_truncated(format: str) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (60, 80, 3), np.uint8)
    content = file_of(Image.fromarray(noise), format)
    assert refusal_of(content[: len(content) // 2]).code == "truncated"


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF"])
def test_an_image_with_flipped_bytes_is_refused_or_read_and_nothing_else(format: str) -> None:
    rng = np.random.default_rng(2)
    content = file_of(two_halves(), format)
    for _ in range(60):
        damaged = bytearray(content)
        for at in rng.integers(0, len(content), size=3):
            damaged[at] = rng.integers(256)
        try:
            read_image(bytes(damaged), max_pixels=1_000_000)
        except UnreadableImage:
            continue


def test_a_picture_above_the_pixel_limit_is_refused_with_its_number_before_decoding() -> None:
    error = refusal_of(png(png_header(60_000, 50_000), (b"IDAT", b"")))
    assert error.code == "too_many_pixels"
    assert "3,000,000,000" in error.message


def test_the_pixel_limit_is_an_argument_and_counts_the_stored_picture() -> None:
    content = file_of(two_halves((400, 300)), "JPEG")
    assert refusal_of(content, max_pixels=119_999, short_side=32).code == "too_many_pixels"
    assert read_image(content, max_pixels=120_000).size == (400, 300)
    with pytest.raises(UnreadableImage):
        inspect_image(content, max_pixels=119_999)


def test_a_limit_above_the_one_of_pillow_itself_is_honored() -> None:
    content = png(png_header(20_000, 20_000), (b"IDAT", b""))
    assert inspect_image(content, max_pixels=500_000_000).width == 20_000


def test_text_in_a_png_that_unpacks_to_much_is_refused() -> None:
    bomb = zlib.compress(bytes(200_000_000), 9)
    content = png(png_header(2, 2), (b"zTXt", b"Comment\0\0" + bomb), (b"IDAT", b""))
    started = time.monotonic()
    assert refusal_of(content).code == "corrupt"
    assert time.monotonic() - started < 2


def test_a_gif_whose_first_frame_is_larger_than_its_screen_is_measured_by_the_frame() -> None:
    screen = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6)
    frame = b"," + struct.pack("<HHHHB", 0, 0, 60_000, 60_000, 0) + b"\x02\x02\x44\x01\x00;"
    assert refusal_of(screen + frame).code == "too_many_pixels"


def test_an_error_survives_being_sent_between_processes() -> None:
    error = pickle.loads(pickle.dumps(UnreadableImage("empty", "The file is empty.")))
    assert (error.code, str(error)) == ("empty", "The file is empty.")


@pytest.fixture(scope="module")
def hostile(shared_data: Path) -> list[tuple[Path, dict[str, str]]]:
    folder = shared_data / "hostile"
    with (folder / "MANIFEST.csv").open(newline="") as file:
        return [(folder / row["file"], row) for row in csv.DictReader(file)]


def test_each_hostile_file_is_read_or_refused_within_seconds(
    hostile: list[tuple[Path, dict[str, str]]],
) -> None:
    for path, row in hostile:
        started = time.monotonic()
        refused = None
        try:
            info = inspect_image(path)
            picture = read_image(path)
            assert (info.width, info.height) == picture.size, path
            assert picture.mode == "RGB", path
        except UnreadableImage as error:
            refused = error
        assert time.monotonic() - started < 5, path
        if row["pil_load"] == "ok" and row["pil_format"] != "ICO":
            assert refused is None, path
        if row["pil_format"] == "ICO":
            assert refused is not None, path
            assert refused.code == "format_not_accepted", path


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_the_hostile_files_together_stay_within_bounded_memory(shared_data: Path) -> None:
    script = """
import sys
from pathlib import Path
from similarity.images import UnreadableImage, read_image
for path in sorted(Path(sys.argv[1]).rglob("*.*")):
    try:
        read_image(path, short_side=256)
    except UnreadableImage:
        pass
# Not resource.ru_maxrss: that starts with what the process that ran this one held.
lines = Path("/proc/self/status").read_text().splitlines()
print(next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(shared_data / "hostile")],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert int(done.stdout) < 600  # megabytes
    assert "Warning:" not in done.stderr
