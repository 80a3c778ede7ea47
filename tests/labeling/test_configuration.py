"""The page about environment variables says what the application reads."""

from __future__ import annotations

from pathlib import Path

from labeling.configuration import page
from labeling.environment import VARIABLES

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_page_is_printed_from_the_table():
    written = (ROOT / "docs" / "configuration.md").read_text()
    assert written == page(), "run: python -m labeling.configuration > docs/configuration.md"


def test_every_variable_has_a_row_with_its_default():
    rows = [line for line in page().splitlines() if line.startswith("| `")]
    for variable in VARIABLES:
        row = next(row for row in rows if row.startswith(f"| `{variable.name}` |"))
        assert variable.default in row
