"""Background jobs in Django admin."""

import json
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from procrastinate.contrib.django.admin import ProcrastinateJobAdmin
from procrastinate.contrib.django.models import ProcrastinateEvent, ProcrastinateJob
from procrastinate.exceptions import UniqueViolation

from viztube.desk.admin import EvidenceAdmin
from viztube.desk.cells import shorten
from viztube.desk.filters import ChoicesDropdownFilter
from viztube.desk.search import Search

admin.site.unregister(ProcrastinateJob)

EVENTS = 50  # shown of one job


@admin.register(ProcrastinateJob)
class JobAdmin(ProcrastinateJobAdmin, EvidenceAdmin):  # type: ignore[misc]
    """Procrastinate's own page (retry, cancel, abort), searchable and a row a line."""

    list_display = [
        *("id", "task_name", "arguments", "status"),
        *("attempts", "queue_name", "scheduled_at"),
    ]
    list_filter = [("status", ChoicesDropdownFilter), "queue_name", "task_name"]
    # By name: the base class lists its own functions.
    actions = ["retry", "cancel", "abort"]
    # Every failed job at once.
    list_disable_select_all = False
    search = Search(text=("task_name", "args"))
    ordering = ("-id",)
    fields = [
        *("id", "task_name", "pretty_args", "status", "attempts", "queue_name"),
        *("lock", "queueing_lock", "priority", "scheduled_at", "events"),
    ]
    inlines = []

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return jobs, without the events that the base class fetches for its list."""
        rows: QuerySet[Any] = EvidenceAdmin.get_queryset(self, request)
        return rows

    @admin.display(description="arguments")
    def arguments(self, job: ProcrastinateJob) -> str:
        """Return the arguments on one line."""
        return shorten(json.dumps(job.args), 120)

    @admin.display(description="events")
    def events(self, job: ProcrastinateJob) -> str:
        """Return what happened to the job, the latest first."""
        events = ProcrastinateEvent.objects.filter(job=job).order_by("-at")[:EVENTS]
        lines = ((f"{event.at:%Y-%m-%d %H:%M:%S} UTC", event.type) for event in events)
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{} {}</li>", lines))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Let those act who were given the change permission, although nothing is editable."""
        if not request.user.has_perm("procrastinate.change_procrastinatejob"):
            return {}
        return super().get_actions(request)

    @admin.action(description="Retry the chosen jobs")
    def retry(self, request: HttpRequest, queryset: QuerySet[ProcrastinateJob]) -> None:
        """Retry failed jobs; one that is waiting under the same lock anyway is left alone."""
        try:
            with transaction.atomic():
                super().retry(request, queryset)
        except UniqueViolation:
            self.message_user(
                request,
                "Nothing was retried: one of these jobs is waiting already. Choose the others.",
                messages.WARNING,
            )
