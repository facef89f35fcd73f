"""Tweets in Django admin."""

from django.contrib import admin

from social.models import Tweet
from viztube.desk.admin import EvidenceAdmin
from viztube.desk.cells import shorten
from viztube.desk.filters import AutocompleteSelectFilter, DaysFilter, set_filter
from viztube.desk.search import Search


@admin.register(Tweet)
class TweetAdmin(EvidenceAdmin):
    """Tweets: to find and to decide about."""

    decides = "tweet"
    list_display = ("text", "owner", "removed_at", "created_at")
    list_select_related = ("user",)
    list_filter = (
        ("user", AutocompleteSelectFilter),
        set_filter("removed_at", "removal"),
        ("created_at", DaysFilter),
    )
    search = Search(text=("content",), owner="user", ids=("id", "user"))
    fields = ("id", "content", "user", "removed_at", "created_at", "updated_at")

    @admin.display(description="tweet")
    def text(self, tweet: Tweet) -> str:
        """Return what it says, shortened."""
        return shorten(tweet.content)
