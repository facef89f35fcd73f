"""Likes in Django admin."""

from django.contrib import admin

from social.models import Like
from viztube.desk.admin import EvidenceAdmin
from viztube.desk.cells import link_to
from viztube.desk.filters import AutocompleteSelectFilter, DaysFilter
from viztube.desk.search import Search


@admin.register(Like)
class LikeAdmin(EvidenceAdmin):
    """Likes: who liked what, when."""

    list_display = ("created_at", "owner", "kind", "target")
    list_select_related = ("user", "video", "comment", "tweet")
    list_filter = (("user", AutocompleteSelectFilter), ("created_at", DaysFilter))
    search = Search(owner="user", ids=("id", "user", "video", "comment", "tweet"))
    fields = ("id", "user", "kind", "target", "created_at")

    @admin.display(description="of a")
    def kind(self, like: Like) -> str:
        """Return what kind of thing is liked."""
        return next(name for name in ("video", "comment", "tweet") if getattr(like, f"{name}_id"))

    @admin.display(description="liked")
    def target(self, like: Like) -> str:
        """Return a link to what is liked."""
        return link_to(like.video or like.comment or like.tweet)
