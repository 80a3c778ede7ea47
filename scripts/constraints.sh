#!/bin/sh
# Writes constraints.txt anew from what pip chooses today, in an environment of its own.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder"
"$folder/bin/python" scripts/requirements.py > "$folder/requirements.txt"
HNSWLIB_NO_NATIVE=1 "$folder/bin/python" -m pip install --disable-pip-version-check -r "$folder/requirements.txt"
{
    echo "# Exact versions of everything, so that a set-up next year is the set-up of today (make constraints)."
    # A package that came as a file is still meant by its version.
    "$folder/bin/python" -m pip list --disable-pip-version-check --format=freeze \
        | grep -v -i -E '^(pip|setuptools|wheel)=='
} > "$folder/constraints.txt"
mv "$folder/constraints.txt" constraints.txt
