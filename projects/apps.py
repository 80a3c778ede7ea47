from importlib import import_module

from django.apps import AppConfig
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models.signals import post_migrate


class ProjectsConfig(AppConfig):
    name = "projects"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Registers its checks; models have to be there first.
        import_module("projects.system_checks")
        import_module("projects.task_records").connect()
        post_migrate.connect(keep_triggers, sender=self)


def keep_triggers(*, using: str = DEFAULT_DB_ALIAS, **_about: object) -> None:
    """A migration that made a table anew took its triggers with it: make them again, and count."""
    from .models import ImageCount
    from .models.count_triggers import make_triggers

    connection = connections[using]
    # A migration further back than these tables has nothing to count into.
    if ImageCount._meta.db_table in connection.introspection.table_names():
        with transaction.atomic(using=using):
            make_triggers(connection)
