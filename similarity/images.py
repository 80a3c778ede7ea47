"""Pictures in: what a file is, its pixels upright in RGB, its thumbnail.

Files come from strangers. Only the openers of ``ACCEPTED_FORMATS`` ever see them, no picture above
``max_pixels`` is decoded, and whatever goes wrong becomes an ``UnreadableImage`` with a sentence.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pillow_heif
from PIL import Image, UnidentifiedImageError

from similarity.errors import UnreadableImage
from similarity.magic import accepted_kind, container_size, foreign_kind
from similarity.orientation import SWAPS_SIDES, UPRIGHT, orientation
from similarity.pixels import to_rgb

MAX_PIXELS = 100_000_000
"""Largest picture decoded: 100 megapixels, 400 MB as Pillow holds it; above any camera of today but
stitched panoramas."""

THUMBNAIL_SIDE = 240
"""Least length of a thumbnail's longer side; the largest tile of a page has 240 pixels."""
_THUMBNAIL_QUALITY = 75

_EXTENSIONS = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "WEBP": ".webp",
    "GIF": ".gif",
    "TIFF": ".tif",
    "BMP": ".bmp",
    "HEIF": ".heic",
    "AVIF": ".avif",
}
_CONTENT_TYPES = {"HEIF": "image/heic"}
ACCEPTED_FORMATS = tuple(_EXTENSIONS)
"""Canonical names. MPO (several JPEGs in one file, as phones write) counts as JPEG."""

# AVIF before HEIF: both claim the container brand mif1, and only the AVIF opener says no to what it
# cannot decode.
_OPENERS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF")

_ADVICE = "save it as PNG or JPEG"
_HEAD_BYTES = 65_536

# Pillow's own guard is one number for the whole process, and only warns up to twice that number.
# Ours is an argument, and is checked in `_opened` before a pixel is decoded.
Image.MAX_IMAGE_PIXELS = None
# Thumbnails inside HEIC are other pictures than the one asked for: they may be cropped or edited.
pillow_heif.register_heif_opener(thumbnails=False)
Image.preinit()


@dataclass(frozen=True)
class ImageInfo:
    """What a file holds: canonical ``format``, ``width`` and ``height`` in pixels when upright."""

    format: str
    width: int
    height: int

    @property
    def extension(self) -> str:
        return _EXTENSIONS[self.format]

    @property
    def content_type(self) -> str:
        return _CONTENT_TYPES.get(self.format, f"image/{self.format.lower()}")


def inspect_image(source: Path | BinaryIO | bytes, *, max_pixels: int = MAX_PIXELS) -> ImageInfo:
    """Say what an image file is from its header alone.

    Args:
        source: a path, a seekable binary file (left open, anywhere), or the bytes.
        max_pixels: largest width x height accepted.

    Returns:
        Format and upright size, of the first frame. The pixels may still turn out to be broken.

    Raises:
        UnreadableImage: whatever is wrong with the content.
        OSError: the path cannot be opened (that says something of the disk, not of the image).

    Cost: below 1 ms. No pixel is decoded.
    """
    with _opened(source, max_pixels=max_pixels) as (image, stream):
        width, height = image.size
        if orientation(image, stream) in SWAPS_SIDES:
            width, height = height, width
        return ImageInfo(_canonical_format(image), width, height)


def read_image(
    source: Path | BinaryIO | bytes, *, short_side: int | None = None, max_pixels: int = MAX_PIXELS
) -> Image.Image:
    """Decode the first frame: upright, 8 bit RGB, transparency on white.

    Args:
        source: a path, a seekable binary file (left open, anywhere), or the bytes.
        short_side: pixels the shorter side has to have at least. A JPEG is then decoded at 1/2, 1/4
            or 1/8 of its size where that leaves enough: 4 times as fast at 4,000 px. Another value
            gives other pixels, so an encoder always asks for its own.
        max_pixels: largest width x height accepted, before any such reduction.

    Returns:
        A loaded image of mode RGB that holds no file open.

    Raises:
        UnreadableImage: whatever is wrong with the content, ``truncated`` if the end is missing.
        OSError: the path cannot be opened.

    Cost: one core, 4 / 9 / 21 ms for a JPEG of 500 / 1,500 / 4,000 px with ``short_side=256``.
    At most 9 bytes a pixel of memory. Several threads may read at once; Pillow decodes without
    the GIL.
    """
    with _opened(source, max_pixels=max_pixels) as (image, stream):
        turn = UPRIGHT.get(orientation(image, stream))
        if short_side is not None and image.format in ("JPEG", "MPO"):
            image.draft(None, (short_side, short_side))
        image.load()
        picture = to_rgb(image)
        return picture if turn is None else picture.transpose(turn)


def make_thumbnail(image: Image.Image, *, side: int = THUMBNAIL_SIDE) -> bytes:
    """Return a small JPEG of an RGB image: its longer side has ``side`` to twice ``side`` pixels.

    Made smaller by a whole number only, each pixel the mean of a square; an image with less than
    twice ``side`` pixels keeps its size. Cost: 0.5 ms from what ``read_image`` gives for an
    encoder, where a WebP of exactly 320 pixels took 6.6 ms, as long as decoding and embedding; as
    many bytes, and no difference that we could see. See docs/decisions/0060-ingest.md.
    """
    factor = max(1, max(image.size) // side)
    file = io.BytesIO()
    _bared(image.reduce(factor)).save(file, "JPEG", quality=_THUMBNAIL_QUALITY)
    return file.getvalue()


def make_rendering(image: Image.Image, *, side: int) -> bytes:
    """Return a WebP of an RGB image that fits in ``side`` x ``side`` pixels.

    Never enlarged; a very long picture keeps at least 1 pixel across. Cost: 0.1 s at 2,000 pixels.
    """
    small = image.copy()
    # reducing_gap: box-average first, to twice the size, then filter. As good, and 3 times as fast.
    small.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    file = io.BytesIO()
    _bared(small).save(file, "WEBP", quality=80, method=2)
    return file.getvalue()


def _bared(image: Image.Image) -> Image.Image:
    """Return an image of our own without what it brought along.

    Pillow would write its comment, a broken EXIF or a color profile along, or fail on it.
    """
    image.info.clear()
    return image


@contextmanager
def _opened(
    source: Path | BinaryIO | bytes, *, max_pixels: int
) -> Iterator[tuple[Image.Image, BinaryIO]]:
    """Open an image of an accepted format and size; everything raised inside becomes a refusal."""
    _hush_imaging_warnings()
    with _stream(source) as stream:
        try:
            with Image.open(stream, formats=_OPENERS) as image:
                _check_pixels(*image.size, max_pixels=max_pixels)
                yield image, stream
        except UnreadableImage:
            raise
        # The one wide catch: on broken files decoders raise OSError, SyntaxError, ValueError,
        # TypeError, KeyError, struct.error, OverflowError, MemoryError, RuntimeError and more,
        # undocumented, and one bad file must never stop a batch.
        except Exception as error:
            raise _refusal(error, stream, max_pixels=max_pixels) from error


@contextmanager
def _stream(source: Path | BinaryIO | bytes) -> Iterator[BinaryIO]:
    if isinstance(source, bytes):
        yield io.BytesIO(source)
    elif isinstance(source, Path):
        with source.open("rb") as file:
            yield file
    else:
        yield source


def _hush_imaging_warnings() -> None:
    """Keep warnings of the imaging libraries off stderr: a broken file is told of by its refusal.

    ``warnings.catch_warnings`` swaps a list of the whole process and is unsafe with threads; one
    lasting entry for these two libraries is not. It is put back when someone has reset the list.
    """
    if _HUSH not in warnings.filters:
        warnings.filterwarnings("ignore", category=Warning, module=_IMAGING_MODULES)


_IMAGING_MODULES = r"(PIL|pillow_heif)\b"
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", category=Warning, module=_IMAGING_MODULES)
    _HUSH = warnings.filters[0]


def _check_pixels(width: int, height: int, *, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise UnreadableImage(
            "too_many_pixels",
            f"The image has {width:,} x {height:,} = {width * height:,} pixels; "
            f"at most {max_pixels:,} are accepted. Make it smaller and try again.",
        )
    if width < 1 or height < 1:
        raise UnreadableImage("corrupt", "The image has no pixels; the file is damaged.")


def _canonical_format(image: Image.Image) -> str:
    name = str(image.format)
    return "JPEG" if name == "MPO" else name


def _refusal(error: Exception, stream: BinaryIO, *, max_pixels: int) -> UnreadableImage:
    """Turn any exception of a decoder into a sentence, with the help of the file's first bytes."""
    if isinstance(error, MemoryError):
        return UnreadableImage(
            "too_many_pixels", "There is not enough memory to open this image; make it smaller."
        )
    head = _head(stream)
    if not head:
        return UnreadableImage("empty", "The file is empty.")
    kind = accepted_kind(head)
    if kind is None:
        return _foreign_refusal(head)
    if isinstance(error, UnidentifiedImageError) and (size := container_size(head)):
        try:
            _check_pixels(*size, max_pixels=max_pixels)
        except UnreadableImage as too_large:
            return too_large
    if _means_truncated(error):
        return UnreadableImage(
            "truncated", f"The {kind} file is cut off before its end; send the whole file again."
        )
    return UnreadableImage(
        "corrupt",
        f"The file could not be read as {kind}: it is damaged or of a rare kind. "
        f"Open it in an image editor and {_ADVICE}.",
    )


def _head(stream: BinaryIO) -> bytes:
    try:
        stream.seek(0)
        return stream.read(_HEAD_BYTES)
    except (OSError, ValueError):
        return b""


def _means_truncated(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, EOFError) or any(
        word in text for word in ("truncated", "end of file", "unexpected end", "premature")
    )


def _foreign_refusal(head: bytes) -> UnreadableImage:
    kind = foreign_kind(head)
    if kind is None:
        return UnreadableImage(
            "not_an_image", "The file is not an image, or is of a kind that is not known here."
        )
    if kind.is_picture:
        return UnreadableImage(
            "format_not_accepted", f"{kind.name} images are not accepted; {_ADVICE}."
        )
    return UnreadableImage("not_an_image", f"This is {kind.name}, not an image.")
