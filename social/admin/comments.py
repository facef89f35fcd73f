"""Comments in Django admin."""

from django.contrib import admin

from social.models import Comment
from viztube.desk.admin import EvidenceAdmin
from viztube.desk.cells import link_to, shorten
from viztube.desk.filters import AutocompleteSelectFilter, DaysFilter, set_filter
from viztube.desk.search import Search


@admin.register(Comment)
class CommentAdmin(EvidenceAdmin):
    """Comments: to find and to decide about."""

    decides = "comment"
    list_display = ("text", "owner", "of_video", "removed_at", "created_at")
    list_select_related = ("user", "video")
    list_filter = (
        ("user", AutocompleteSelectFilter),
        set_filter("removed_at", "removal"),
        ("created_at", DaysFilter),
    )
    search = Search(text=("content",), owner="user", ids=("id", "user", "video"))
    fields = ("id", "content", "user", "video", "removed_at", "created_at", "updated_at")

    @admin.display(description="comment")
    def text(self, comment: Comment) -> str:
        """Return what it says, shortened."""
        return shorten(comment.content)

    @admin.display(description="video")
    def of_video(self, comment: Comment) -> str:
        """Return a link to the video."""
        return link_to(comment.video)
