"""The triggers that keep `ImageCount` and `LabelCount`: the same rules in two dialects.

SQLite has triggers by row only; PostgreSQL would write the same number 10,000 times in one
transaction that way, so there they are by statement, over the rows that it moved, in one order so
that two transactions cannot wait for each other.

SQLite's migrations make a table anew for most changes, and its triggers are gone then without a
word: `make_triggers` runs after every `migrate` (see `projects.apps`), and counts again where one
is missing.
"""

# ruff: noqa: S608 - every part of these statements is a constant of this module.
from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

IMAGE, CARRIED = "projects_image", "projects_imagelabel"
IMAGES, LABELS = "projects_imagecount", "projects_labelcount"
KEYS = "project_id, state, is_labeled, embedding_state"

RECOUNT = (
    f"DELETE FROM {IMAGES}",
    f"INSERT INTO {IMAGES} ({KEYS}, number) SELECT {KEYS}, count(*) FROM {IMAGE} GROUP BY {KEYS}",
    f"DELETE FROM {LABELS}",
    f"""
    INSERT INTO {LABELS} (label_id, source, number)
    SELECT c.label_id, c.source, count(*) FROM {CARRIED} c JOIN {IMAGE} i ON i.id = c.image_id
    WHERE i.state = 'dataset' GROUP BY c.label_id, c.source
    """,
)
"""Statements that set every number anew: the plain definition of what the triggers keep."""


def _sqlite() -> dict[str, str]:
    def image(row: str, step: str) -> str:
        values = ", ".join(f"{row}.{key}" for key in KEYS.split(", "))
        if step == "- 1":
            same = " AND ".join(f"{key} = {row}.{key}" for key in KEYS.split(", "))
            return f"UPDATE {IMAGES} SET number = number - 1 WHERE {same};"
        return (
            f"INSERT INTO {IMAGES} ({KEYS}, number) VALUES ({values}, 1) "
            f"ON CONFLICT ({KEYS}) DO UPDATE SET number = number + 1;"
        )

    def carried(row: str, step: str) -> str:
        there = f"EXISTS (SELECT 1 FROM {IMAGE} WHERE id = {row}.image_id AND state = 'dataset')"
        if step == "- 1":
            return (
                f"UPDATE {LABELS} SET number = number - 1 "
                f"WHERE label_id = {row}.label_id AND source = {row}.source AND {there};"
            )
        return (
            f"INSERT INTO {LABELS} (label_id, source, number) "
            f"SELECT {row}.label_id, {row}.source, 1 WHERE {there} "
            "ON CONFLICT (label_id, source) DO UPDATE SET number = number + 1;"
        )

    def of_image(step: str) -> str:
        return (
            f"INSERT INTO {LABELS} (label_id, source, number) "
            f"SELECT label_id, source, {step} FROM {CARRIED} WHERE image_id = NEW.id "
            "ON CONFLICT (label_id, source) DO UPDATE SET number = number + excluded.number;"
        )

    moved = " OR ".join(f"OLD.{key} <> NEW.{key}" for key in KEYS.split(", "))
    given = " OR ".join(f"OLD.{key} <> NEW.{key}" for key in ("image_id", "label_id", "source"))

    def came(old: str, new: str) -> str:
        return f"({old}.state <> 'dataset' AND {new}.state = 'dataset')"

    triggers = {
        "count_image_came": (f"INSERT ON {IMAGE}", "", image("NEW", "+ 1")),
        "count_image_went": (f"DELETE ON {IMAGE}", "", image("OLD", "- 1")),
        "count_image_moved": (
            f"UPDATE OF {KEYS} ON {IMAGE}", moved, image("OLD", "- 1") + image("NEW", "+ 1"),
        ),
        "count_labels_came": (f"UPDATE OF state ON {IMAGE}", came("OLD", "NEW"), of_image("1")),
        "count_labels_went": (f"UPDATE OF state ON {IMAGE}", came("NEW", "OLD"), of_image("-1")),
        "count_label_given": (f"INSERT ON {CARRIED}", "", carried("NEW", "+ 1")),
        "count_label_taken": (f"DELETE ON {CARRIED}", "", carried("OLD", "- 1")),
        "count_label_moved": (
            f"UPDATE OF image_id, label_id, source ON {CARRIED}", given,
            carried("OLD", "- 1") + carried("NEW", "+ 1"),
        ),
    }  # fmt: skip
    return {
        name: f"CREATE TRIGGER {name} AFTER {event}{f' WHEN {when}' if when else ''} "
        f"BEGIN {work} END"
        for name, (event, when, work) in triggers.items()
    }


def _postgresql() -> dict[str, str]:
    def image(moved: str) -> str:
        return f"""
        INSERT INTO {IMAGES} ({KEYS}, number)
        SELECT {KEYS}, sum(step) FROM ({moved}) AS moved GROUP BY {KEYS} HAVING sum(step) <> 0
        ORDER BY {KEYS}
        ON CONFLICT ({KEYS}) DO UPDATE SET number = {IMAGES}.number + excluded.number;"""

    def labels(moved: str) -> str:
        return f"""
        INSERT INTO {LABELS} (label_id, source, number)
        SELECT label_id, source, sum(step) FROM ({moved}) AS moved GROUP BY label_id, source
        HAVING sum(step) <> 0 ORDER BY label_id, source
        ON CONFLICT (label_id, source) DO UPDATE SET number = {LABELS}.number + excluded.number;"""

    def carried(rows: str, step: str) -> str:
        return (
            f"SELECT c.label_id, c.source, {step} AS step FROM {rows} c JOIN {IMAGE} i "
            "ON i.id = c.image_id WHERE i.state = 'dataset'"
        )

    came = f"SELECT {KEYS}, 1 AS step FROM came"
    went = f"SELECT {KEYS}, -1 AS step FROM went"
    # Rows of a project that is being deleted may have no number any more: none is made for them.
    gone_images = f"""
        UPDATE {IMAGES} n SET number = n.number - w.number FROM (
            SELECT {KEYS}, count(*) AS number FROM went GROUP BY {KEYS}
        ) AS w WHERE {" AND ".join(f"n.{key} = w.{key}" for key in KEYS.split(", "))};"""
    gone_labels = f"""
        UPDATE {LABELS} n SET number = n.number - w.number FROM (
            SELECT label_id, source, sum(step) AS number FROM ({carried("went", "1")}) AS c
            GROUP BY label_id, source
        ) AS w WHERE n.label_id = w.label_id AND n.source = w.source;"""
    crossed = f"""
        SELECT c.label_id, c.source, CASE WHEN n.state = 'dataset' THEN 1 ELSE -1 END AS step
        FROM came n JOIN went o ON o.id = n.id JOIN {CARRIED} c ON c.image_id = n.id
        WHERE (n.state = 'dataset') <> (o.state = 'dataset')"""
    both = "REFERENCING OLD TABLE AS went NEW TABLE AS came"
    triggers = {
        "count_image_came": ("INSERT", IMAGE, "REFERENCING NEW TABLE AS came", image(came)),
        "count_image_went": ("DELETE", IMAGE, "REFERENCING OLD TABLE AS went", gone_images),
        "count_image_moved": (
            "UPDATE", IMAGE, both, image(f"{came} UNION ALL {went}") + labels(crossed),
        ),
        "count_label_given": (
            "INSERT", CARRIED, "REFERENCING NEW TABLE AS came", labels(carried("came", "1")),
        ),
        "count_label_taken": ("DELETE", CARRIED, "REFERENCING OLD TABLE AS went", gone_labels),
        "count_label_moved": (
            "UPDATE", CARRIED, both,
            labels(f"{carried('came', '1')} UNION ALL {carried('went', '-1')}"),
        ),
    }  # fmt: skip
    return {
        name: f"""
        CREATE OR REPLACE FUNCTION projects_{name}() RETURNS trigger LANGUAGE plpgsql AS $work$
        BEGIN {work} RETURN NULL; END $work$;
        CREATE TRIGGER {name} AFTER {event} ON {table} {rows}
        FOR EACH STATEMENT EXECUTE FUNCTION projects_{name}();"""
        for name, (event, table, rows, work) in triggers.items()
    }


TRIGGERS = {"sqlite": _sqlite(), "postgresql": _postgresql()}
"""By vendor: the statement that makes each trigger, by its name."""

THERE = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": f"SELECT tgname FROM pg_trigger WHERE tgrelid IN "
    f"('{IMAGE}'::regclass, '{CARRIED}'::regclass)",
}


def make_triggers(connection: BaseDatabaseWrapper) -> list[str]:
    """Make the triggers that are missing, and count anew if there were any; return their names.

    Call it in a transaction, when nobody else writes: after a migration.
    """
    with connection.cursor() as cursor:
        cursor.execute(THERE[connection.vendor])
        there = {name for (name,) in cursor.fetchall()}
        wanted = TRIGGERS[connection.vendor]
        missing = [name for name in wanted if name not in there]
        for name in missing:
            cursor.execute(wanted[name])
        if missing:
            for statement in RECOUNT:
                cursor.execute(statement)
    return missing


def remove_triggers(connection: BaseDatabaseWrapper) -> None:
    """Take all of them away again: the tables they count into are going."""
    with connection.cursor() as cursor:
        for name in TRIGGERS[connection.vendor]:
            if connection.vendor == "sqlite":
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
            else:
                cursor.execute(f"DROP FUNCTION IF EXISTS projects_{name}() CASCADE")
