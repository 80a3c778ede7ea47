"""Label folders of images offline, or measure how well that would go, without a server.

``python -m similarity label FOLDER --labeled LABELED_FOLDER`` suggests labels for a folder of
images; ``python -m similarity evaluate FOLDER`` measures every method on images whose labels are
known. Each says more with ``--help``.
"""

import argparse
import sys

from similarity.commands import evaluate, label
from similarity.commands.label import COLUMNS
from similarity.errors import SimilarityError

__all__ = ["COLUMNS", "main"]


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; returns the exit status."""
    chosen = _parser().parse_args(arguments)
    try:
        chosen.command(chosen)
    except SimilarityError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename or 'A file'}: {error.strerror or error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m similarity", description=__doc__)
    commands = parser.add_subparsers(required=True)
    label.add_command(commands)
    evaluate.add_command(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
