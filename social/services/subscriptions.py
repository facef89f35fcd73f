"""Following channels."""

from django.db import transaction

from social.models import Subscription
from social.services.turns import change, in_turn
from users.models import User
from viztube.api.errors import ApiError


def set_subscription(*, user: User, pk: str, subscribed: bool | None) -> bool:
    """Follow a channel or not, None for the other way round; return whether one now does.

    Raises Http404 for a channel the person may not see, ApiError (400) for following oneself.
    """
    with transaction.atomic():
        channel = in_turn(User.objects.visible_to(user), pk, user)
        if channel.pk == user.pk and subscribed is not False:
            raise ApiError("You cannot subscribe to your own channel.")
        columns = {"subscriber": user, "channel": channel}
        return change(Subscription, columns, wanted=subscribed)
