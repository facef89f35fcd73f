"""Background jobs in Django admin."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from procrastinate.contrib.django.admin import ProcrastinateJobAdmin
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import UniqueViolation

admin.site.site_header = admin.site.site_title = "VizTube"
admin.site.unregister(ProcrastinateJob)


@admin.register(ProcrastinateJob)
class JobAdmin(ProcrastinateJobAdmin):
    """Procrastinate's own page (retry, cancel, abort), searchable and a row a line."""

    list_display = [
        "id",
        "task_name",
        "args",
        "status",
        "attempts",
        "queue_name",
        "scheduled_at",
    ]
    list_filter = ["status", "queue_name", "task_name"]
    # By name: the base class lists its own functions.
    actions = ["retry", "cancel", "abort"]
    search_fields = ("task_name", "args", "id")
    show_full_result_count = False
    ordering = ("-id",)
    list_per_page = 50

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
