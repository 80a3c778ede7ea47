"""What the first bytes of a file say it is, to name files that are refused. Decodes nothing."""

import struct
from typing import NamedTuple


class Kind(NamedTuple):
    """What a file seems to be: a name for a sentence, and whether that is a kind of picture."""

    name: str
    is_picture: bool


# (offset, bytes, name, is a kind of picture); the first that fits counts.
# Source: the formats' specifications and https://en.wikipedia.org/wiki/List_of_file_signatures
_SIGNATURES: tuple[tuple[int, bytes, str, bool], ...] = (
    (0, b"\x00\x00\x01\x00", "ICO", True),
    (0, b"\x00\x00\x02\x00", "CUR", True),
    (0, b"8BPS", "Photoshop (PSD)", True),
    (0, b"\x00\x00\x00\x0cjP  ", "JPEG 2000", True),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000", True),
    (0, b"\x00\x00\x00\x0cJXL ", "JPEG XL", True),
    (0, b"\xff\x0a", "JPEG XL", True),
    (0, b"icns", "ICNS", True),
    (0, b"DDS ", "DDS", True),
    (0, b"gimp xcf", "GIMP (XCF)", True),
    (0, b"\x76\x2f\x31\x01", "OpenEXR", True),
    (0, b"#?RADIANCE", "Radiance HDR", True),
    (0, b"SIMPLE  =", "FITS", True),
    (0, b"qoif", "QOI", True),
    (0, b"\x0a\x05\x01", "PCX", True),
    (0, b"FUJIFILMCCD-RAW", "camera raw (RAF)", True),
    (0, b"IIRO", "camera raw (ORF)", True),
    (0, b"IIU\x00", "camera raw (RW2)", True),
    (128, b"DICM", "DICOM", True),
    (0, b"%!PS", "PostScript", True),
    (0, b"\xc5\xd0\xd3\xc6", "PostScript", True),
    (4, b"ftypcrx", "camera raw (CR3)", True),
    (0, b"%PDF", "a PDF document", False),
    (0, b"PK\x03\x04", "a zip archive", False),
    (0, b"PK\x05\x06", "a zip archive", False),
    (0, b"Rar!", "a RAR archive", False),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", False),
    (0, b"\x1f\x8b", "a gzip archive", False),
    (0, b"BZh", "a bzip2 archive", False),
    (0, b"\xfd7zXZ", "an xz archive", False),
    (257, b"ustar", "a tar archive", False),
    (4, b"ftyp", "a video", False),  # looked at after the image brands of the same container
    (0, b"\x1a\x45\xdf\xa3", "a video", False),
    (0, b"\x00\x00\x01\xba", "a video", False),
    (0, b"FLV\x01", "a video", False),
    (8, b"AVI ", "a video", False),
    (8, b"WAVE", "a sound file", False),
    (0, b"ID3", "a sound file", False),
    (0, b"OggS", "a sound file", False),
    (0, b"fLaC", "a sound file", False),
    (0, b"MZ", "a program", False),
    (0, b"\x7fELF", "a program", False),
    (0, b"SQLite format 3", "a database", False),
)

_ACCEPTED_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8", "JPEG"),
    (0, b"\x89PNG", "PNG"),
    (8, b"WEBP", "WebP"),
    (0, b"GIF8", "GIF"),
    (0, b"II*\x00", "TIFF"),
    (0, b"MM\x00*", "TIFF"),
    (0, b"II+\x00", "TIFF"),
    (0, b"MM\x00+", "TIFF"),
    (0, b"BM", "BMP"),
)
_AVIF_BRANDS = (b"avif", b"avis")
_HEIC_BRANDS = (
    b"heic",
    b"heix",
    b"heim",
    b"heis",
    b"hevc",
    b"hevx",
    b"hevm",
    b"hevs",
    b"mif1",
    b"msf1",
)


def accepted_kind(head: bytes) -> str | None:
    """The accepted format that ``head`` (the first bytes of a file) begins like, or None."""
    for offset, signature, name in _ACCEPTED_SIGNATURES:
        if head.startswith(signature, offset):
            return name
    if head[4:8] == b"ftyp":
        if head[8:12] in _AVIF_BRANDS:
            return "AVIF"
        if head[8:12] in _HEIC_BRANDS:
            return "HEIC"
    return None


def foreign_kind(head: bytes) -> Kind | None:
    """What else ``head`` (at least 512 bytes where the file has them) begins like, or None."""
    for offset, signature, name, is_picture in _SIGNATURES:
        if head.startswith(signature, offset):
            return Kind(name, is_picture)
    if head[:1] == b"P" and head[1:2] in b"123456fF7" and head[2:3].isspace():
        return Kind("PNM", True)
    return _text_kind(head)


def _text_kind(head: bytes) -> Kind | None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Kind("a text file", False)
    try:
        # The last character may be cut in two: at most 3 bytes of it are dropped.
        text = head.decode("utf-8", errors="strict" if len(head) < 512 else "ignore")
    except UnicodeDecodeError:
        return None
    if len(text.encode()) < len(head) - 3 or any(ord(c) < 32 and not c.isspace() for c in text):
        return None
    start = text.lstrip("\ufeff \t\r\n").lower()
    if "<svg" in start:
        return Kind("SVG", True)
    if start.startswith(("<!doctype html", "<html")) or "<body" in start:
        return Kind("a web page (HTML)", False)
    if start.startswith("<?xml"):
        return Kind("an XML file", False)
    return Kind("a text file", False)


def container_size(head: bytes) -> tuple[int, int] | None:
    """Width and height that a HEIC or AVIF header declares, for files no decoder agrees to open.

    The decoders refuse a picture above their own limit without a word about its size; the person
    should still read the number. Source: ISO/IEC 23008-12, the box ``ispe``.
    """
    at = head.find(b"ispe")
    if at < 0 or len(head) < at + 16:
        return None
    width, height = struct.unpack_from(">II", head, at + 8)
    return width, height
