"""A table of the tests' own, with one column a kind of sort order."""

from datetime import UTC, datetime, timedelta

from django.db import connection, models

from viztube.api.ids import uuid7

START = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)


class Note(models.Model):
    """A row with one column a kind of sort order."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    title = models.TextField()
    stars = models.BigIntegerField()
    length = models.FloatField()
    written_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "media"
        managed = False

    def __str__(self) -> str:
        return self.title


def make_table() -> None:
    """Make the table, in the test's transaction."""
    Note._meta.managed = True
    with connection.schema_editor() as editor:
        editor.create_model(Note)
    Note._meta.managed = False


def make_notes(rows: int) -> None:
    """Add rows with many ties."""
    Note._default_manager.bulk_create(
        Note(
            title=f'{"Ää" if number % 3 else "b"}, "{number % 4}"',
            stars=number % 5,
            length=(number % 6) / 7,
            written_at=START + timedelta(microseconds=number % 4),
            read_at=START if number % 2 else None,
        )
        for number in range(rows)
    )
