"""Playlists in Django admin."""

from django.contrib import admin
from django.utils.html import format_html, format_html_join

from social.models import Playlist
from viztube.desk.admin import EvidenceAdmin
from viztube.desk.cells import link_to, shorten
from viztube.desk.filters import AutocompleteSelectFilter, DaysFilter
from viztube.desk.search import Search

SHOWN = 100  # videos


@admin.register(Playlist)
class PlaylistAdmin(EvidenceAdmin):
    """Playlists: to find by name or owner, with what is in them."""

    list_display = ("title", "owner", "created_at", "updated_at")
    list_select_related = ("user",)
    list_filter = (("user", AutocompleteSelectFilter), ("created_at", DaysFilter))
    search = Search(text=("name",), owner="user", ids=("id", "user"))
    fields = ("id", "name", "description", "user", "videos", "created_at", "updated_at")

    @admin.display(description="name")
    def title(self, playlist: Playlist) -> str:
        """Return the name, shortened."""
        return shorten(playlist.name)

    @admin.display(description="videos")
    def videos(self, playlist: Playlist) -> str:
        """Return links to its first videos, in its order."""
        entries = playlist.entries.select_related("video").order_by("position")[: SHOWN + 1]
        links = [link_to(entry.video) for entry in entries]
        if not links:
            return self.empty_value_display
        items = format_html_join("", "<li>{}</li>", ((link,) for link in links[:SHOWN]))
        more = f"And more than these {SHOWN}." if len(links) > SHOWN else ""
        return format_html('<ol class="list-decimal pl-6">{}</ol>{}', items, more)
