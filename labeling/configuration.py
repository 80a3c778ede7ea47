"""Prints docs/configuration.md: `python -m labeling.configuration > docs/configuration.md`."""

from __future__ import annotations

from .environment import VARIABLES, Variable

INTRODUCTION = """\
# Configuration

Environment variables, all optional: say `LABELING_PORT=8001 make run`.
A value that cannot be used is refused at start with a sentence that says what could be.

| variable | default | meaning |
|---|---|---|
"""

NOTES = """
## What lies in the data folder

| name | what it is | may be deleted while the application is stopped |
|---|---|---|
| `labeling.sqlite3` | projects, labels, embeddings, history | no |
| `media/` | photos and thumbnails, by project and content | no |
| `secret.key` | signs sessions; without it everybody signs in again | yes |
| `enter.sha256` | hash of the secret in the link that signs in, while the application runs | yes |
| `start.lock` | held by the running start command | yes |
| `log/` | what web server and worker said; begun anew at 10 MB | yes |
| `queue/`, `incoming/`, `tmp/` | messages and files on their way | yes |
| `cache/` | what can be made or fetched again | yes |

The encoder lies in `.venv/share/labeling/encoders`: it belongs to the installed packages, not to
your data. `PYTHON` says which Python `make setup` uses, `LABELING_SHARED_DATA` where tests find
real photos.

## Who can reach it

The web server listens on 127.0.0.1: only this machine reaches it. The link that the start command
prints holds a secret of 32 random bytes, new at each start. It signs in whoever opens it: treat it
like a password.

With `LABELING_HOST=0.0.0.0` other machines reach the application too. Put the names they use into
`ALLOWED_HOSTS`, and a server with HTTPS in front (`LABELING_HTTPS=1`): without it, the link and the
session cross the network readable.
"""


def page() -> str:
    """Return the page, with every variable in it."""
    return INTRODUCTION + "".join(map(_row, VARIABLES)) + NOTES


def _row(variable: Variable) -> str:
    default = f"`{variable.default}`" if variable.default else "(empty)"
    return f"| `{variable.name}` | {default} | {variable.meaning} |\n"


if __name__ == "__main__":
    print(page(), end="")
