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
## Which encoder

An encoder turns an image into numbers; a project keeps the one that its first image came in with.
These four work offline after `make setup`. The best label was right on so many of 1,020 clothing
photos (percent, with 5, 10 and 20 labeled photos a label;
[more figures and reasons](decisions/0040-encoders.md)):

| `LABELING_ENCODER` | speed | 5 | 10 | 20 | numbers an image | choose it |
|---|---|---|---|---|---|---|
| `efficientnet-lite0-int8` | 3 | 66.3 | 71.3 | 75.0 | 1,280 | by default |
| `efficientnet-lite0` | 1 | 66.1 | 71.1 | 75.1 | 1,280 | to go on with older projects |
| `efficientnet-lite2` | 0.6 | 67.7 | 72.8 | 76.2 | 1,280 | for better suggestions |
| `efficientnet-lite0+lite2` | 0.4 | 69.1 | 74.7 | 77.9 | 2,560 | for the best suggestions |

`open_clip:<model>/<weights>` names any model of open_clip with a pretrained tag
(`open_clip:ViT-B-32/laion2b_s34b_b79k`, fetched once from its hub) or a file of weights on this
machine (`open_clip:ViT-B-32//home/me/weights.pt`). It needs seconds to load, and a GPU for speed;
requests with an image's bytes are then refused, since the web server never loads it.

## PostgreSQL

`DATABASE_URL=postgres://user:password@host/name` and an empty database, whose owner that user is;
`manage.py start` and `manage.py migrate` make the tables. Any order of texts (collation) will do.
Tested with PostgreSQL 18, and pgvector 0.8 where `LABELING_INDEX=pgvector`; the extension is made
by the first migration, or by the first search where it is installed later.
[What it is good for, and figures](decisions/0063-pgvector.md).

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

The encoders lie in `.venv/share/labeling/encoders`: they belong to the installed packages, not to
your data. `PYTHON` says which Python `make setup` uses, `LABELING_SHARED_DATA` where tests find
real photos.

## Who can reach it

The web server listens on 127.0.0.1: only this machine reaches it. The link that the start command
prints holds a secret of 32 random bytes, new at each start. It signs in whoever opens it: treat it
like a password.

With `LABELING_HOST=0.0.0.0` other machines reach the application too. Put the names they use into
`ALLOWED_HOSTS`, and a server with HTTPS in front (`LABELING_HTTPS=1`): without it, the link and the
session cross the network readable.

For a team there is `docker-compose.yml`, with all of that set: see [Operations](operations.md).
"""


def page() -> str:
    """Return the page, with every variable in it."""
    return INTRODUCTION + "".join(map(_row, VARIABLES)) + NOTES


def _row(variable: Variable) -> str:
    default = f"`{variable.default}`" if variable.default else "(empty)"
    return f"| `{variable.name}` | {default} | {variable.meaning} |\n"


if __name__ == "__main__":
    print(page(), end="")
