"""Bounds and options that several commands share."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any, TypeAlias

ENCODER_FOLDER = Path(sys.prefix) / "share" / "labeling" / "encoders"  # where make setup builds it

# argparse keeps its own type of sub-commands private.
Commands: TypeAlias = Any


def add_machine_options(parser: argparse.ArgumentParser) -> None:
    """Add where the encoders lie and how many threads to use."""
    add = parser.add_argument
    add("--encoder-folder", type=Path, default=ENCODER_FOLDER, help="where its file was built")
    add("--threads", type=at_least_one, default=os.cpu_count() or 1, help="default: all cores")


def at_least_one(text: str) -> int:
    """Read a whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a whole number of at least 1")
    return int(text)


def natural(text: str) -> int:
    """Read a whole number of at least 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError("must be a whole number of at least 0")
    return int(text)


def percent(text: str) -> float:
    """Read a number from 0 to 100."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError("must be a number from 0 to 100")
    return value
