"""Says in one sentence what this machine lacks for `make setup`. Runs on any Python 3."""

import os
import shutil
import sys
import sysconfig


def problem(version=sys.version_info, find=shutil.which, include=None):
    """Return what is missing and how to get it, or None."""
    if tuple(version[:2]) < (3, 11):
        return (
            "Python {}.{} is too old: Python 3.11 or newer is needed. "
            "Install one and say where it is: make PYTHON=/path/to/python3.11.".format(*version[:2])
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        return (
            "This Python cannot make virtual environments: install the package that adds venv "
            "(on Debian and Ubuntu: apt-get install python3-venv)."
        )
    if not any(find(name) for name in (os.environ.get("CXX", "c++").split()[0], "g++", "clang++")):
        return (
            "There is no C++ compiler, which hnswlib is built with: install one "
            "(on Debian and Ubuntu: apt-get install g++; on a Mac: xcode-select --install)."
        )
    if not os.path.exists(os.path.join(include or sysconfig.get_path("include"), "Python.h")):
        return (
            "Python's headers are missing, which hnswlib is built with: install them "
            "(on Debian and Ubuntu: apt-get install python3-dev)."
        )
    return None


if __name__ == "__main__":
    sys.exit(problem())
