"""Subscriptions in Django admin."""

from django.contrib import admin

from social.models import Subscription
from viztube.desk.admin import EvidenceAdmin
from viztube.desk.cells import link_to
from viztube.desk.filters import AutocompleteSelectFilter, DaysFilter
from viztube.desk.search import Search


@admin.register(Subscription)
class SubscriptionAdmin(EvidenceAdmin):
    """Subscriptions: who follows whom, since when."""

    list_display = ("created_at", "owner", "followed")
    list_select_related = ("subscriber", "channel")
    list_filter = (
        ("subscriber", AutocompleteSelectFilter),
        ("channel", AutocompleteSelectFilter),
        ("created_at", DaysFilter),
    )
    search = Search(owner="subscriber", ids=("id", "subscriber", "channel"))
    fields = ("id", "subscriber", "channel", "created_at")

    @admin.display(description="subscriber")
    def owner(self, subscription: Subscription) -> str:
        """Return a link to who follows."""
        return link_to(subscription.subscriber)

    @admin.display(description="channel")
    def followed(self, subscription: Subscription) -> str:
        """Return a link to who is followed."""
        return link_to(subscription.channel)
