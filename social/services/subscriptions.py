"""Following channels."""

from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db import transaction
from django.db.models.expressions import Combinable

from social.models import Subscription
from social.services.turns import change, in_turn
from users.models import User
from viztube.api import shared
from viztube.api.errors import ApiError


def set_subscription(*, user: User, pk: str, subscribed: bool | None) -> bool:
    """Follow a channel or not, None for the other way round; return whether one now does.

    Raises Http404 for following a channel the person may not see, ApiError (400) for oneself.
    """
    channels = None if subscribed is False else User.objects.visible_to(user)
    with transaction.atomic():

        def names(channel: UUID) -> Combinable:
            return ArraySubquery(User.objects.filter(pk__in=(user.pk, channel)).values("username"))

        channel, usernames = in_turn(channels, pk, user, along=names)
        if channel == user.pk and subscribed is not False:
            raise ApiError("You cannot subscribe to your own channel.")
        columns = {"subscriber_id": user.pk, "channel_id": channel}
        now = change(Subscription, columns, wanted=subscribed)
        pages = (shared.CHANNEL.tag(name) for name in usernames)
        shared.forget_on_commit(*pages, shared.STATS.tag(channel))
        return now
