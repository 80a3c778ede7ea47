"""Any pixels Pillow holds to 8 bit RGB: deep greys, floats, transparency, palettes, CMYK, LAB."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

_DEEP_MODES = ("I", "F")


def to_rgb(image: Image.Image) -> Image.Image:
    """Return a loaded image as 8 bit RGB, transparency on white.

    Greys deeper than 8 bit are scaled by their range (see ``_eight_bits``), since Pillow would clip
    all above 255 to white. CMYK is converted without its color profile.
    """
    if image.mode.startswith(_DEEP_MODES):
        return _deep_grey_to_rgb(image)
    if image.mode == "LAB":
        return _lab_to_rgb(image)
    if image.has_transparency_data:
        return _on_white(image.convert("RGBA"))
    return image.convert("RGB")


def _on_white(rgba: Image.Image) -> Image.Image:
    background = Image.new("RGB", rgba.size, "white")
    background.paste(rgba, mask=rgba.getchannel("A"))
    return background


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    # Built anew each time: a transform of LittleCMS is not safe to share between threads.
    transform = ImageCms.buildTransform(
        ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB"
    )
    converted = ImageCms.applyTransform(image, transform)
    if converted is None:
        raise ValueError("no conversion from LAB")
    return converted


def _deep_grey_to_rgb(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    grey = _eight_bits(values)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey = np.where(values == transparent, np.uint8(255), grey)
    return Image.fromarray(grey).convert("RGB")


def _eight_bits(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Scale greys of shape (h, w), any number type, to 0..255.

    Whole numbers: by the smallest range of 8 to 32 bits that holds the brightest, so that 12 bit
    data in 16 bit files is not black and zero stays black. Floats within 0..1: by that range.
    Anything else (negative, large floats): from the least to the greatest. NaN and infinities
    count as 0.
    """
    numbers = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(numbers.min()), float(numbers.max())
    if low < 0 or (values.dtype.kind == "f" and high > 1):
        span = high - low
    elif values.dtype.kind == "f":
        low, span = 0.0, 1.0
    else:
        low, span = 0.0, float(2 ** max(8, int(high).bit_length()) - 1)
    scaled = (numbers - low) * (255.0 / span if span else 0.0)
    eight: NDArray[np.uint8] = np.rint(np.clip(scaled, 0.0, 255.0)).astype(np.uint8)
    return eight
