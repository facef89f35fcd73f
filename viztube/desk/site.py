"""How the desk looks and what its sidebar leads to: the setting UNFOLD."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

# Group, then models by their labels with their symbols (https://fonts.google.com/icons).
SECTIONS: dict[str, dict[str, str]] = {
    "Moderation": {
        "social.case": "gavel",
        "social.report": "flag",
        "social.moderationaction": "history",
    },
    "Content": {
        "videos.video": "movie",
        "social.comment": "comment",
        "social.tweet": "chat",
        "social.playlist": "playlist_play",
        "social.like": "thumb_up",
    },
    "People": {
        "users.user": "person",
        "users.refreshsession": "devices",
        "users.securityevent": "shield",
        "social.subscription": "notifications",
        "videos.watchhistory": "history_toggle_off",
        "auth.group": "group",
    },
    "Operations": {
        "procrastinate.procrastinatejob": "work_history",
        "videos.dailyviews": "bar_chart",
        "videos.viewevent": "visibility",
        "videos.notification": "cloud",
    },
}


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups of the sidebar, with the lists that this person may open."""
    # Late: the settings import this module before there are models.
    from django.contrib import admin

    lists = {model._meta.label_lower: desk for model, desk in admin.site._registry.items()}
    start = {"title": "Start", "icon": "home", "link": reverse("admin:index")}
    groups: list[dict[str, Any]] = [{"items": [start]}]
    for title, entries in SECTIONS.items():
        items = [
            {
                "title": str(lists[label].opts.verbose_name_plural).capitalize(),
                "icon": icon,
                "link": reverse(f"admin:{label.replace('.', '_')}_changelist"),
            }
            for label, icon in entries.items()
            if label in lists and lists[label].has_view_permission(request)
        ]
        groups.append({"title": title, "separator": True, "items": items})
    return groups


def environment(request: HttpRequest) -> list[str] | None:
    """Return the label that tells a machine for development from the real one."""
    return ["Development", "warning"] if settings.DEBUG else None


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "VizTube",
    "SITE_HEADER": "VizTube",
    "SITE_SYMBOL": "smart_display",
    "ENVIRONMENT": environment,
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "dashboard.overview.start_page",
    "SIDEBAR": {"navigation": navigation},
    "STYLES": [lambda request: static("desk/desk.css")],
}
