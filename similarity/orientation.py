"""How a stored picture has to be turned to stand upright, as its metadata says."""

import os
import struct
from typing import BinaryIO

from PIL import Image

# Source: EXIF 2.32, tag 0x0112.
_ORIENTATION_TAG = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes an image of each orientation upright; 1 is."""

SWAPS_SIDES = (5, 6, 7, 8)

# What Pillow's EXIF reader raises on broken metadata, which must not fail a fine picture.
_BROKEN_EXIF = (
    ArithmeticError, AttributeError, EOFError, LookupError, OSError, RuntimeError, SyntaxError,
    TypeError, ValueError, struct.error,
)  # fmt: skip

_MOST_PNG_CHUNKS = 100_000  # 0.1 s; a real file of 100 MB has about 12,000


def orientation(image: Image.Image, stream: BinaryIO) -> int:
    """Orientation 1 to 8 of an opened, not yet loaded image; 1 when there is none or it is broken.

    ``stream`` is the file it was opened from, left where it was. TIFF is always 1: Pillow gives its
    size upright and turns its pixels while loading.
    """
    if image.format == "TIFF":
        return 1
    try:
        # Not PngImageFile.getexif: that one decodes all pixels to look for metadata behind them.
        exif = Image.Image.getexif(image)
        if image.format == "PNG" and not exif and (late := _late_png_exif(stream)):
            exif.load(late)
        value = int(exif.get(_ORIENTATION_TAG, 1))
    except _BROKEN_EXIF:
        return 1
    return value if value in UPRIGHT else 1


def _late_png_exif(stream: BinaryIO) -> bytes | None:
    """The eXIf chunk where ImageMagick puts it: behind the pixels, so Pillow meets it too late."""
    position = stream.tell()
    try:
        stream.seek(8)
        for _ in range(_MOST_PNG_CHUNKS):
            header = stream.read(8)
            if len(header) < 8:
                return None
            length, kind = struct.unpack(">I4s", header)
            if kind == b"eXIf":
                return stream.read(min(length, 65_536))
            stream.seek(length + 4, os.SEEK_CUR)
        return None
    finally:
        stream.seek(position)
