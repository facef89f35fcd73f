"""Reports and the log of decisions in Django admin: evidence."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from social.models import Case, ModerationAction, Report, TargetType
from viztube.desk.admin import EvidenceAdmin
from viztube.desk.cells import link_to, shorten
from viztube.desk.filters import AutocompleteSelectFilter, ChoicesDropdownFilter, DaysFilter
from viztube.desk.search import Search

PAGES = {
    TargetType.VIDEO: "admin:videos_video_change",
    TargetType.COMMENT: "admin:social_comment_change",
    TargetType.TWEET: "admin:social_tweet_change",
    TargetType.CHANNEL: "admin:users_user_change",
}


@admin.register(Report)
class ReportAdmin(EvidenceAdmin):
    """Who found what wrong."""

    list_display = ("reason", "case_link", "reporter_link", "begins", "state", "created_at")
    list_select_related = ("case", "reporter")
    list_filter = (
        ("reason", ChoicesDropdownFilter),
        ("reporter", AutocompleteSelectFilter),
        ("created_at", DaysFilter),
    )
    search = Search(ids=("id", "case", *TargetType.values), owner="reporter")
    fields = ("case_link", "reason", "details", "reporter_link", "state", "created_at")
    readonly_fields = ("case_link", "reporter_link", "state")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Report]:
        """Read what a report's page links to along; who reported oneself is not shown."""
        own = Case.objects.filter(owner=request.user.pk)
        reports: QuerySet[Report] = super().get_queryset(request)
        return reports.select_related("case", "reporter").exclude(case__in=own)

    @admin.display(description="Case")
    def case_link(self, report: Report) -> str:
        """Return a link to the case."""
        return link_to(report.case)

    @admin.display(description="Reporter")
    def reporter_link(self, report: Report) -> str:
        """Return a link to who reported it."""
        return link_to(report.reporter)

    @admin.display(description="Details")
    def begins(self, report: Report) -> str:
        """Return the beginning of the details."""
        return shorten(report.details) or "-"


@admin.register(ModerationAction)
class ModerationActionAdmin(EvidenceAdmin):
    """The log: nobody edits it, and a decision is undone by another one."""

    list_display = ("decision", "about", "owner_page", "actor", "reason_begins", "created_at")
    list_filter = (
        ("decision", ChoicesDropdownFilter),
        ("target_type", ChoicesDropdownFilter),
        ("created_at", DaysFilter),
    )
    search = Search(ids=("id", "target_id", "owner_id", "actor_id"), owner="owner_id")
    fields = (
        *("created_at", "decision", "until", "about", "owner_page", "reason"),
        *("actor", "actor_role", "case_page", "target_id", "owner_id", "actor_id"),
    )
    readonly_fields = ("about", "owner_page", "actor", "case_page")

    @admin.display(description="About")
    def about(self, action: ModerationAction) -> str:
        """Return a link to what was decided about, which may be gone."""
        address = reverse(PAGES[TargetType(action.target_type)], args=[action.target_id])
        text = f"{action.get_target_type_display()}: {shorten(action.target_label)}"
        return _link(address, text)

    @admin.display(description="Owner")
    def owner_page(self, action: ModerationAction) -> str:
        """Return a link to the person, who may be gone."""
        address = reverse("admin:users_user_change", args=[action.owner_id])
        return _link(address, action.owner_label)

    @admin.display(description="Decided by")
    def actor(self, action: ModerationAction) -> str:
        """Return who decided."""
        if action.actor_id is None:
            return action.actor_label
        address = reverse("admin:users_user_change", args=[action.actor_id])
        return _link(address, action.actor_label)

    @admin.display(description="Reason")
    def reason_begins(self, action: ModerationAction) -> str:
        """Return the beginning of the reason."""
        return shorten(action.reason)

    @admin.display(description="Case")
    def case_page(self, action: ModerationAction) -> Any:
        """Return a link to the case on which it was decided."""
        if action.case_id is None:
            return "-"
        address = reverse("admin:social_case_change", args=[action.case_id])
        return _link(address, "the case")


def _link(address: str, text: str) -> str:
    return format_html('<a href="{}" class="text-link">{}</a>', address, text)
