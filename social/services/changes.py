"""Changing and deleting what somebody made, while others may do so at the same moment."""

from typing import Any

from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from viztube.api.errors import not_found


def edit(row: Model, **changes: Any) -> None:
    """Change columns of a row, here and in the database; raises ApiError (404) when it is gone."""
    changes["updated_at"] = timezone.now()
    if not type(row)._default_manager.filter(pk=row.pk).update(**changes):
        raise not_found()
    for column, value in changes.items():
        setattr(row, column, value)


def delete(row: Model) -> None:
    """Delete a row and what belongs to it; raises ApiError (404) when it is gone.

    Locked first: a like that arrives meanwhile waits, and then finds nothing to refer to.
    """
    with transaction.atomic():
        rows = type(row)._default_manager.select_for_update(of=("self",))
        locked = rows.filter(pk=row.pk).first()
        if locked is None:
            raise not_found()
        locked.delete()
