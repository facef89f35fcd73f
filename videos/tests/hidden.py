"""Every way in which a video can be hidden."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from users.tests.factories import UserFactory
from videos.models import Video
from videos.tests.factories import VideoFactory


def suspended() -> dict[str, Any]:
    """Return fields of a person whose suspension is running."""
    return {"suspended_until": timezone.now() + timedelta(days=1)}


HIDDEN: dict[str, Callable[..., Video]] = {
    "unpublished": lambda **fields: VideoFactory.create(is_published=False, **fields),
    "removed": lambda **fields: VideoFactory.create(removed_at=timezone.now(), **fields),
    "owner suspended": lambda **fields: VideoFactory.create(
        user=UserFactory.create(password=None, **suspended()), **fields
    ),
    "owner inactive": lambda **fields: VideoFactory.create(
        user=UserFactory.create(password=None, is_active=False), **fields
    ),
}
# Those whose owner can still sign in.
HIDDEN_WITH_OWNER = ("unpublished", "removed")
