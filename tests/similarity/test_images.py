"""Reading pictures that are fine, in every format, mode and orientation."""

from __future__ import annotations

import io
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, PngImagePlugin

from similarity.images import (
    ACCEPTED_FORMATS,
    ImageInfo,
    UnreadableImage,
    inspect_image,
    make_rendering,
    make_thumbnail,
    read_image,
)

RED, BLUE, WHITE = (220, 30, 30), (30, 30, 220), (255, 255, 255)


def two_halves(size: tuple[int, int] = (60, 40)) -> Image.Image:
    """Red left half, blue right half."""
    picture = Image.new("RGB", size, RED)
    ImageDraw.Draw(picture).rectangle((size[0] // 2, 0, size[0], size[1]), fill=BLUE)
    return picture


def file_of(picture: Image.Image, format: str, **knobs: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, format, **knobs)
    return file.getvalue()


def close(pixel: tuple[int, ...], expected: tuple[int, ...], tolerance: int = 12) -> bool:
    return all(abs(a - b) <= tolerance for a, b in zip(pixel, expected, strict=True))


@pytest.mark.parametrize("format", ACCEPTED_FORMATS)
def test_every_accepted_format_is_inspected_and_read(format: str) -> None:
    content = file_of(two_halves(), format)
    assert inspect_image(content) == ImageInfo(format, 60, 40)
    picture = read_image(content)
    assert (picture.mode, picture.size) == ("RGB", (60, 40))
    assert close(picture.getpixel((10, 20)), RED, 25)
    assert close(picture.getpixel((50, 20)), BLUE, 25)


def test_several_jpegs_in_one_file_count_as_jpeg() -> None:
    content = file_of(two_halves(), "MPO", save_all=True, append_images=[two_halves()])
    info = inspect_image(content)
    assert (info.format, info.extension, info.content_type) == ("JPEG", ".jpg", "image/jpeg")
    assert close(read_image(content, short_side=10).getpixel((1, 1)), RED)


def test_heic_has_the_extension_and_type_that_people_know() -> None:
    info = inspect_image(file_of(two_halves(), "HEIF"))
    assert (info.extension, info.content_type) == (".heic", "image/heic")


@pytest.mark.parametrize("kind", ["path", "file", "bytes"])
def test_a_path_an_open_file_and_bytes_read_the_same(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    two_halves().save(path)
    with path.open("rb") as file:
        source = {"path": path, "file": file, "bytes": path.read_bytes()}[kind]
        assert inspect_image(source).width == 60
        assert read_image(source).tobytes() == two_halves().tobytes()
        assert not file.closed


def test_a_missing_path_is_an_error_of_the_disk_and_not_of_the_image(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "missing.jpg")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_comes_upright_and_its_size_is_known_beforehand(
    format: str, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = two_halves((120, 80)).transpose(_stored_as(orientation)) if orientation > 1 else None
    knobs = {"exif": exif}
    if format == "TIFF":
        knobs = {"tiffinfo": {0x0112: orientation}}
    content = file_of(turned or two_halves((120, 80)), format, **knobs)
    info = inspect_image(content)
    picture = read_image(content)
    assert (info.width, info.height) == picture.size == (120, 80)
    assert close(picture.getpixel((20, 40)), RED, 25)
    assert close(picture.getpixel((100, 40)), BLUE, 25)


def _stored_as(orientation: int) -> Image.Transpose:
    """The turn that undoes what viewers do for this orientation (EXIF 2.32)."""
    turn = Image.Transpose
    return {
        2: turn.FLIP_LEFT_RIGHT,
        3: turn.ROTATE_180,
        4: turn.FLIP_TOP_BOTTOM,
        5: turn.TRANSPOSE,
        6: turn.ROTATE_90,
        7: turn.TRANSVERSE,
        8: turn.ROTATE_270,
    }[orientation]


def test_an_orientation_behind_the_pixels_of_a_png_counts() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    late = io.BytesIO()
    PngImagePlugin.putchunk(late, b"eXIf", exif.tobytes()[6:])
    plain = file_of(two_halves(), "PNG")
    content = plain[:-12] + late.getvalue() + plain[-12:]
    assert inspect_image(content) == ImageInfo("PNG", 40, 60)
    assert read_image(content).size == (40, 60)


@pytest.mark.parametrize("seed", range(60))
def test_broken_exif_never_fails_a_fine_image(seed: int) -> None:
    rng = np.random.default_rng(seed)
    exif = Image.Exif()
    exif[0x0112] = 3
    exif[0x010F] = "maker"
    exif[0x8769] = {0x9000: b"0232"}
    damaged = bytearray(exif.tobytes())
    for at in rng.integers(6, len(damaged), size=5):
        damaged[at] = rng.integers(256)
    content = file_of(two_halves(), "JPEG", exif=bytes(damaged))
    assert read_image(content).size == (inspect_image(content).width, inspect_image(content).height)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr", "LAB", "I;16", "I", "F"])
def test_every_mode_becomes_rgb_with_its_darks_and_lights(mode: str) -> None:
    grey = np.zeros((20, 20), np.uint8)
    grey[:, 10:] = 255
    if mode == "I;16":
        picture = Image.fromarray(grey.astype(np.uint16) * 257)
    elif mode == "I":
        picture = Image.fromarray(grey.astype(np.int32) * 65_793)
    elif mode == "F":
        picture = Image.fromarray(grey.astype(np.float32) / 255)
    elif mode == "LAB":
        picture = Image.merge("LAB", [Image.fromarray(grey)] + [Image.new("L", (20, 20), 128)] * 2)
    else:
        picture = Image.fromarray(grey).convert("RGB").convert(mode)
    read = read_image(file_of(picture, "TIFF"))
    assert close(read.getpixel((2, 2)), (0, 0, 0))
    assert close(read.getpixel((17, 2)), WHITE)


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_deep_grey_is_scaled_by_its_range_and_not_clipped_to_white(bits: int) -> None:
    ramp = np.linspace(0, 2**bits - 1, 256).astype(np.uint16).reshape(1, 256)
    read = np.asarray(read_image(file_of(Image.fromarray(ramp), "PNG")))[0, :, 0]
    assert np.abs(read.astype(int) - np.arange(256)).max() <= 1


def test_floats_of_any_range_keep_their_contrast_and_nan_counts_as_zero() -> None:
    values = np.array([[-5.0, 0.0, 5.0, np.nan, np.inf]], np.float32)
    read = np.asarray(read_image(file_of(Image.fromarray(values), "TIFF")))[0, :, 0]
    assert read.tolist() == [0, 128, 255, 128, 128]


def test_a_flat_float_image_is_read() -> None:
    flat = Image.fromarray(np.full((4, 4), -3.0, np.float32))
    assert read_image(file_of(flat, "TIFF")).getpixel((0, 0)) == (0, 0, 0)


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF", "GIF", "AVIF", "HEIF"])
def test_transparency_lies_on_white(format: str) -> None:
    picture = two_halves().convert("RGBA")
    picture.paste((0, 0, 0, 0), (0, 0, 60, 20))
    read = read_image(file_of(picture, format))
    assert close(read.getpixel((10, 5)), WHITE)
    assert close(read.getpixel((10, 35)), RED, 25)


@pytest.mark.parametrize(
    ("picture", "key"),
    [
        (Image.new("L", (4, 4), 7), 7),
        (Image.new("RGB", (4, 4), (1, 2, 3)), (1, 2, 3)),
        (Image.new("I;16", (4, 4), 300), 300),
        (Image.new("P", (4, 4), 0), 0),
    ],
)
def test_a_transparent_color_lies_on_white(picture: Image.Image, key: object) -> None:
    assert read_image(file_of(picture, "PNG", transparency=key)).getpixel((1, 1)) == WHITE


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF"])
def test_only_the_first_frame_of_an_animation_is_read(format: str) -> None:
    blue = Image.new("RGB", (60, 40), BLUE)
    content = file_of(Image.new("RGB", (60, 40), RED), format, save_all=True, append_images=[blue])
    assert close(read_image(content).getpixel((5, 5)), RED)


@pytest.mark.parametrize("size", [(1000, 700), (257, 4000), (300, 200), (256, 256), (2047, 2049)])
def test_a_jpeg_decoded_smaller_keeps_the_short_side_asked_for(size: tuple[int, int]) -> None:
    content = file_of(two_halves(size), "JPEG")
    picture = read_image(content, short_side=256)
    assert min(picture.size) >= min(256, *size)
    assert min(picture.size) <= 512 or picture.size == size
    ratio = picture.width / picture.height
    assert ratio == pytest.approx(size[0] / size[1], rel=0.01)


def test_a_very_long_picture_is_read_and_has_a_thumbnail() -> None:
    picture = read_image(file_of(Image.new("L", (3, 62_728), 90), "JPEG"), short_side=256)
    assert picture.size == (3, 62_728)
    with Image.open(io.BytesIO(make_thumbnail(picture))) as thumbnail:
        assert thumbnail.size == (1, 241)
    with Image.open(io.BytesIO(make_rendering(picture, side=320))) as rendering:
        assert rendering.size == (1, 320)


@pytest.mark.parametrize(
    ("size", "small"),
    [
        ((500, 375), (250, 188)),
        ((375, 500), (188, 250)),
        ((479, 100), (479, 100)),
        ((480, 360), (240, 180)),
        ((4000, 3000), (250, 188)),
        ((50, 20), (50, 20)),
        ((1, 1), (1, 1)),
    ],
)
def test_a_thumbnail_has_240_to_479_pixels_keeps_its_shape_and_never_grows(
    size: tuple[int, int], small: tuple[int, int]
) -> None:
    with Image.open(io.BytesIO(make_thumbnail(Image.new("RGB", size)))) as picture:
        assert picture.format == "JPEG"
        assert picture.size == small


def test_a_thumbnail_shows_the_mean_of_each_square() -> None:
    picture = Image.effect_noise((600, 500), 60).convert("RGB")
    with Image.open(io.BytesIO(make_thumbnail(picture))) as thumbnail:
        shown = np.asarray(thumbnail, np.float64)
    pixels = np.asarray(picture, np.float64)
    plain = np.array(
        [
            [pixels[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].mean(axis=(0, 1)) for x in range(300)]
            for y in range(250)
        ]
    )
    assert np.abs(shown - plain).mean() < 10  # what JPEG takes from noise
    # A picture that is shifted by one pixel of the thumbnail is another one.
    assert np.abs(shown[:, 1:] - plain[:, :-1]).mean() > 20


def test_a_rendering_fits_keeps_its_shape_and_never_grows() -> None:
    def rendered_size(size: tuple[int, int]) -> tuple[int, int]:
        content = make_rendering(Image.new("RGB", size), side=320)
        with Image.open(io.BytesIO(content)) as picture:
            assert picture.format == "WEBP"
            return picture.size

    assert rendered_size((1600, 1200)) == (320, 240)
    assert rendered_size((1200, 1600)) == (240, 320)
    assert rendered_size((50, 20)) == (50, 20)


def test_small_pictures_carry_no_metadata() -> None:
    exif = Image.Exif()
    exif[0x010F] = "secret maker"
    told = {"exif": exif, "icc_profile": b"secret" * 9, "comment": b"secret"}
    picture = read_image(file_of(two_halves(), "JPEG", **told))
    assert b"secret" not in make_thumbnail(picture)
    assert b"secret" not in make_rendering(picture, side=320)


def test_pictures_are_read_by_several_threads_at_once() -> None:
    contents = [file_of(two_halves((400, 300)), format) for format in ACCEPTED_FORMATS] * 6
    alone = [read_image(content, short_side=64).tobytes() for content in contents]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda c: read_image(c, short_side=64).tobytes(), contents))
    assert together == alone


def test_no_warning_of_the_imaging_libraries_leaks() -> None:
    content = file_of(two_halves(), "TIFF")
    damaged = content[:8] + content[8:].replace(b"\x15\x01\x03\x00", b"\x15\x01\x0c\x00")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for end in range(8, len(damaged), 97):
            try:
                read_image(damaged[:end])
            except UnreadableImage:
                continue
    assert caught == []
