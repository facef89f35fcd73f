"""`manage.py check_migrations`: what a release cannot do while people use the service."""

import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from viztube.ops import migration_checks
from viztube.ops.migration_rules import ADVICE, BASELINE, NOT_OURS

# Looking at one that builds an index concurrently must not happen in a transaction.
pytestmark = pytest.mark.django_db(transaction=True)

HEAD = """
from django.contrib.postgres import operations as postgres
from django.db import migrations, models
from django.db.models.functions import Now

def nothing(apps, schema_editor):
    pass

class Migration(migrations.Migration):
"""
FIRST = """
migrations.CreateModel("Thing", [
    ("id", models.BigAutoField(primary_key=True)),
    ("name", models.CharField(max_length=20, unique=True)),
    ("size", models.BigIntegerField(null=True)),
    ("kind", models.CharField(db_default="")),
    ("other", models.ForeignKey("self", models.CASCADE, null=True)),
], options={
    "indexes": [models.Index(fields=["size"], name="thing_size")],
    "constraints": [models.CheckConstraint(condition=models.Q(size__gte=0), name="thing_positive")],
}),
"""
INDEX = 'models.Index(fields=["name", "size"], name="thing_name_size")'
CHECK = 'models.CheckConstraint(condition=models.Q(size__lt=9), name="thing_small")'
RUN_PYTHON = "migrations.RunPython(nothing, nothing)"
ADD_SIZE = 'migrations.AddField("thing", "depth", models.BigIntegerField(null=True))'

Write = Callable[..., None]
Checks = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Return a way to write the migrations of an app that has none; the first makes a table."""
    numbers = itertools.count(1)
    package = f"trial_{tmp_path.name.replace('-', '_')}"
    folder = tmp_path / package
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    settings.MIGRATION_MODULES = {"dashboard": package}

    def make(operations: str, *attributes: str) -> None:
        number = next(numbers)
        needs = [("dashboard", f"{number - 1:04}_trial")] if number > 1 else []
        body = [f"dependencies = {needs}", *attributes, f"operations = [{operations}]"]
        (folder / f"{number:04}_trial.py").write_text(HEAD + indent("\n".join(body), "    "))
        for name in [name for name in sys.modules if name.startswith(package)]:
            del sys.modules[name]

    make(FIRST)
    return make


@pytest.fixture
def check(write: Write, capsys: pytest.CaptureFixture[str]) -> Checks:
    """Return a way to write a migration and check it; it returns why it is refused, or nothing."""

    def run(operations: str, *attributes: str) -> str:
        write(operations, *attributes)
        try:
            call_command("check_migrations", "--app", "dashboard")
        except CommandError as error:
            end = str(error)
        else:
            return ""
        said = capsys.readouterr().err
        assert "dashboard 0002_trial" in said
        assert "0001_trial" not in said
        assert "1 of 2" in end
        return said

    return run


def test_todays_migrations_pass_and_the_baseline_names_them() -> None:
    call_command("check_migrations")

    checked = [one.name for one in migration_checks.check_migrations(migration_checks.our_apps())]
    assert {"users", "videos", "social", "dashboard"} <= set(migration_checks.our_apps())
    assert "procrastinate" not in migration_checks.our_apps()
    assert not [name for name in checked if name in map(" ".join, BASELINE.items())]
    assert "users 0001_initial" not in checked


BAD = {
    "a column dropped": ('migrations.RemoveField("thing", "size")', "ban-drop-column"),
    "a table dropped": ('migrations.DeleteModel("Thing")', "ban-drop-table"),
    "a column renamed": ('migrations.RenameField("thing", "size", "width")', "renaming-column"),
    "a table renamed": ('migrations.RenameModel("Thing", "Object")', "renaming-table"),
    "a default that Django drops": (
        'migrations.AddField("thing", "note", models.CharField(default=""))',
        "ban-drop-default",
    ),
    "a default taken away": (
        'migrations.AlterField("thing", "kind", models.CharField())',
        "ban-drop-default",
    ),
    "a required column": (
        'migrations.RunSQL("ALTER TABLE dashboard_thing ADD COLUMN note text NOT NULL")',
        "adding-required-field",
    ),
    "a column made required": (
        'migrations.AlterField("thing", "size", models.BigIntegerField(db_default=0))',
        "adding-not-nullable-field",
    ),
    "another type": (
        'migrations.AlterField("thing", "size", models.CharField(null=True))',
        "changing-column-type",
    ),
    "a value of its own for each row": (
        (
            'migrations.AddField("thing", "key", models.UUIDField('
            'db_default=models.Func(function="gen_random_uuid")))'
        ),
        "adding-field-with-default",
    ),
    "an index": (
        f'migrations.AddIndex("thing", {INDEX})',
        "require-concurrent-index-creation",
    ),
    "an index of a column with a key": (
        'migrations.AddField("thing", "two", models.ForeignKey("self", models.CASCADE, null=True))',
        "require-concurrent-index-creation",
    ),
    "an index dropped": (
        'migrations.RemoveIndex("thing", "thing_size")',
        "require-concurrent-index-deletion",
    ),
    "a unique constraint": (
        'migrations.AlterField("thing", "size", models.BigIntegerField(null=True, unique=True))',
        "disallowed-unique-constraint",
    ),
    "a check": (f'migrations.AddConstraint("thing", {CHECK})', "constraint-missing-not-valid"),
    "a check validated at once": (
        (
            f'postgres.AddConstraintNotValid("thing", {CHECK}), '
            'postgres.ValidateConstraint("thing", "thing_small")'
        ),
        "constraint-missing-not-valid",
    ),
    "a key on a column that is there": (
        (
            'migrations.AlterField("thing", "size", models.ForeignKey('
            '"thing", models.CASCADE, null=True, db_column="size", db_index=False))'
        ),
        "adding-foreign-key-constraint",
    ),
    "in SQL, after a comment": (
        'migrations.RunSQL("-- why\\nALTER TABLE dashboard_thing\\nDROP COLUMN size;")',
        "ban-drop-column",
    ),
    "in SQL, after a new table": (
        "migrations.RunSQL('CREATE TABLE \"a\" (b text); ALTER TABLE dashboard_thing DROP size')",
        "ban-drop-column",
    ),
    "in a list of what only the database does": (
        (
            "migrations.SeparateDatabaseAndState("
            'database_operations=[migrations.RemoveField("thing", "size")])'
        ),
        "ban-drop-column",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_disturbs_the_running_version_is_refused(check: Checks, kind: str) -> None:
    operations, rule = BAD[kind]

    said = check(operations)

    assert ADVICE[rule].harm in said
    assert ADVICE[rule].instead in said


GOOD = {
    "an empty column": (ADD_SIZE, ""),
    "an empty column with a value of Django's": (
        'migrations.AddField("thing", "depth", models.BigIntegerField(null=True, default=5))',
        "",
    ),
    "a column with a default of the database": (
        (
            'migrations.AddField("thing", "note", models.CharField(default="", db_default="")), '
            'migrations.AddField("thing", "at", models.DateTimeField(db_default=Now()))'
        ),
        "",
    ),
    "an empty key without an index": (
        (
            'migrations.AddField("thing", "two", models.ForeignKey('
            '"thing", models.CASCADE, null=True, db_index=False, related_name="+"))'
        ),
        "",
    ),
    "an index built while people write": (
        f'postgres.AddIndexConcurrently("thing", {INDEX})',
        "atomic = False",
    ),
    "an index dropped while people write": (
        'postgres.RemoveIndexConcurrently("thing", "thing_size")',
        "atomic = False",
    ),
    "a check for new rows": (f'postgres.AddConstraintNotValid("thing", {CHECK})', ""),
    "a column that only the models lose": (
        (
            "migrations.SeparateDatabaseAndState("
            'state_operations=[migrations.RemoveField("thing", "size")])'
        ),
        "",
    ),
    "what the database never sees": (
        (
            'migrations.AlterField("thing", "kind", models.CharField(db_default="", '
            'help_text="x")), '
            'migrations.AlterModelOptions("thing", {"ordering": ["id"]})'
        ),
        "",
    ),
    "a new table with all that belongs to it": (
        (
            'migrations.CreateModel("Part", [("id", models.BigAutoField(primary_key=True)), '
            '("thing", models.ForeignKey("thing", models.CASCADE)), ("n", '
            "models.IntegerField())]), "
            'migrations.AddIndex("part", models.Index(fields=["n"], name="part_n")), '
            'migrations.AddConstraint("part", models.UniqueConstraint(fields=["n"], '
            'name="part_u")), '
            'migrations.AddField("part", "x", models.CharField(default=""))'
        ),
        "",
    ),
    "data": (RUN_PYTHON, ""),
    "data and a column, each in its own time": (f"{ADD_SIZE}, {RUN_PYTHON}", "atomic = False"),
}


@pytest.mark.parametrize("kind", GOOD)
def test_what_the_running_version_does_not_notice_passes(check: Checks, kind: str) -> None:
    operations, attribute = GOOD[kind]

    assert check(operations, *filter(None, [attribute])) == ""


def test_a_check_may_be_validated_by_a_migration_of_its_own(write: Write) -> None:
    write(f'postgres.AddConstraintNotValid("thing", {CHECK})')
    write('postgres.ValidateConstraint("thing", "thing_small")')

    call_command("check_migrations", "--app", "dashboard")


def test_python_must_not_keep_the_locks_of_a_changed_schema(check: Checks) -> None:
    assert "waits until that ends" in check(f"{ADD_SIZE}, {RUN_PYTHON}")


def test_an_index_cannot_be_built_concurrently_in_a_transaction(check: Checks) -> None:
    assert "Set atomic = False" in check(f'postgres.AddIndexConcurrently("thing", {INDEX})')


def test_a_reason_lets_it_pass_and_is_shown(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write('migrations.RemoveField("thing", "size")', 'contract = "nobody uses it since 1.4"')

    call_command("check_migrations", "--app", "dashboard")

    said = capsys.readouterr().out
    assert "dashboard 0002_trial may do this: nobody uses it since 1.4" in said
    assert 'DROP COLUMN "size"' in said


@pytest.mark.parametrize("reason", ["''", "'  '", "True", "None"])
def test_an_exception_without_a_reason_is_none(check: Checks, reason: str) -> None:
    assert "DROP COLUMN" in check('migrations.RemoveField("thing", "size")', f"contract = {reason}")


def test_without_squawk_it_says_where_it_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *args, **kwargs: None)
    monkeypatch.setattr(migration_checks, "BASELINE", {})

    with pytest.raises(CommandError, match=r"requirements-dev\.txt"):
        call_command("check_migrations")


def test_the_rules_are_squawks(monkeypatch: pytest.MonkeyPatch) -> None:
    # It refuses the name of a rule that it does not have.
    monkeypatch.setattr(migration_checks, "NOT_OURS", (*ADVICE, *NOT_OURS))
    assert migration_checks._squawk("DROP TABLE a;", atomic=True) == []

    monkeypatch.setattr(migration_checks, "NOT_OURS", ("no-such-rule",))
    with pytest.raises(migration_checks.SquawkMissingError, match="no-such-rule"):
        migration_checks._squawk("", atomic=True)
