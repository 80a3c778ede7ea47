from django.db import migrations

from projects.models.pgvector import IS_AVAILABLE, PREPARE, SETS, SKETCHES

# Sorted by the bytes of their UTF-8, as SQLite does, whatever the database's own order is: one that
# follows a language changes with the system's libraries, which breaks indexes. An `AlterField` of
# one of these columns takes this away again: repeat it there.
BY_BYTES = (('projects_image', 'name', 255), ('projects_project', 'name', 200))


def forwards(apps, schema_editor):
    if schema_editor.connection.vendor != 'postgresql':
        return
    for table, column, length in BY_BYTES:
        schema_editor.execute(
            f'ALTER TABLE {table} ALTER COLUMN {column} TYPE varchar({length}) COLLATE "C"'
        )
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(IS_AVAILABLE)
        # A server without pgvector is searched in process; `services.pgvector_table` makes the
        # tables where pgvector comes later.
        if cursor.fetchone()[0]:
            for statement in PREPARE:
                cursor.execute(statement)


def backwards(apps, schema_editor):
    if schema_editor.connection.vendor != 'postgresql':
        return
    for table, column, length in BY_BYTES:
        schema_editor.execute(
            f'ALTER TABLE {table} ALTER COLUMN {column} TYPE varchar({length}) COLLATE "default"'
        )
    for table in (SKETCHES, SETS):
        schema_editor.execute(f'DROP TABLE IF EXISTS {table}')


class Migration(migrations.Migration):

    dependencies = [
        ('projects', '0006_absent_labels_and_thresholds'),
    ]

    operations = [migrations.RunPython(forwards, backwards)]
