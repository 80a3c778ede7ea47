"""Prints what pyproject.toml asks for, to run the application and to develop it."""

import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text())
print(*project["project"]["dependencies"], *project["dependency-groups"]["dev"], sep="\n")
