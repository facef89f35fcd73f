"""What a migration may not do while the version before it is running, and what to write instead.

During a release both versions work on the new schema for a while, so a change comes in two parts:
one that the running version does not notice (expand), and, releases later, one that takes away what
nobody uses any more (contract). Source: https://martinfowler.com/bliki/ParallelChange.html
"""

from typing import NamedTuple


class Advice(NamedTuple):
    """What is wrong, and what to write instead."""

    harm: str
    instead: str


# The last migrations that came before the first deployment: nothing runs while they do.
BASELINE = {
    "users": "0003_desk_lists",
    "videos": "0006_streams_made_here",
    "social": "0010_filters_of_lists",
}

# Rules of squawk (https://squawkhq.com/docs/rules) that do not fit here.
NOT_OURS = (
    # The release sets both for the whole run.
    *("require-timeout-settings", "require-lock-timeout", "require-statement-timeout"),
    # What types Django's fields have, and whether a statement may be run twice.
    *("prefer-bigint-over-int", "prefer-bigint-over-smallint", "prefer-identity"),
    *("prefer-text-field", "prefer-timestamp-tz", "prefer-robust-stmts", "prefer-repack"),
    # They only allow what was refused before, and no code names an index.
    *("ban-drop-constraint", "ban-drop-not-null", "renaming-object"),
)

_IN_TWO_RELEASES = (
    "Take it out of the models first, with SeparateDatabaseAndState(state_operations=...), and "
    "give a NOT NULL column a db_default; drop it in a later release and say there why nobody "
    "uses it."
)
_CONCURRENTLY = (
    "of django.contrib.postgres.operations in a migration of its own that has atomic = False"
)

# What each rule of squawk means here.
ADVICE = {
    "ban-drop-column": Advice(
        harm="The running version still reads and writes the column.",
        instead=_IN_TWO_RELEASES,
    ),
    "ban-drop-table": Advice(
        harm="The running version still uses the table.",
        instead=_IN_TWO_RELEASES,
    ),
    "renaming-column": Advice(
        harm="The running version looks for the old name.",
        instead=(
            "Rename only the field and keep the column with db_column, or add a new column, "
            "write both, and drop the old one in a later release."
        ),
    ),
    "renaming-table": Advice(
        harm="The running version looks for the old name.",
        instead="Rename only the model and keep the table with db_table.",
    ),
    "ban-drop-default": Advice(
        harm=(
            "The running version does not name the column in its INSERTs, which fail without a "
            "default."
        ),
        instead="Give the field a db_default: Django keeps that in the database, unlike default.",
    ),
    "adding-required-field": Advice(
        harm=(
            "Rows that exist have no value for it, and the running version gives none to new ones."
        ),
        instead="Give the field a db_default, or null=True.",
    ),
    "adding-not-nullable-field": Advice(
        harm=(
            "It reads the whole table while nobody can use it, and what the running version "
            "stores without a value then fails."
        ),
        instead=(
            "Give the field a db_default, fill the rows, add the condition with "
            "AddConstraintNotValid and validate it in the next migration; then this one is "
            "quick: say so."
        ),
    ),
    "changing-column-type": Advice(
        harm=(
            "It can rewrite the whole table while nobody can use it, and the running version "
            "stores and reads the old type."
        ),
        instead=(
            "Add a new column, write both, fill it, and drop the old one in a later release. If "
            "it only makes a varchar longer, it is harmless: say so."
        ),
    ),
    "adding-field-with-default": Advice(
        harm="It writes every row anew while nobody can use the table.",
        instead=(
            "Add the column with null=True, or with a db_default that is the same for every row,"
            " and fill it in batches."
        ),
    ),
    "require-concurrent-index-creation": Advice(
        harm="Nobody can write to the table until the index is built.",
        instead=(
            f"Use AddIndexConcurrently {_CONCURRENTLY}; for the index of a ForeignKey, "
            "db_index=False and an index in Meta.indexes."
        ),
    ),
    "require-concurrent-index-deletion": Advice(
        harm="Whoever uses the table waits behind it.",
        instead=f"Use RemoveIndexConcurrently {_CONCURRENTLY}.",
    ),
    "disallowed-unique-constraint": Advice(
        harm="Nobody can use the table until its index is built.",
        instead=(
            "Build a unique index with RunSQL and CREATE UNIQUE INDEX CONCURRENTLY in a "
            "migration that has atomic = False, and make the constraint of it in the next with "
            "ADD CONSTRAINT ... UNIQUE USING INDEX."
        ),
    ),
    "constraint-missing-not-valid": Advice(
        harm="All rows are checked while nobody can write to the table.",
        instead=(
            "Use AddConstraintNotValid of django.contrib.postgres.operations, and "
            "ValidateConstraint in the next migration."
        ),
    ),
    "adding-foreign-key-constraint": Advice(
        harm="All rows are checked while nobody can write to either table.",
        instead=(
            "Make the field with db_constraint=False, add the constraint with RunSQL and NOT "
            "VALID, and validate it in the next migration."
        ),
    ),
}

RUN_PYTHON = Advice(
    harm=(
        "It runs Python in the transaction that has changed the schema, and whoever uses these "
        "tables waits until that ends."
    ),
    instead=(
        "Put RunPython into a migration of its own that has atomic = False, and work in batches."
    ),
)
