"""Background jobs in Django admin."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from procrastinate.contrib.django.admin import ProcrastinateJobAdmin
from procrastinate.contrib.django.models import ProcrastinateJob

admin.site.site_header = admin.site.site_title = "VizTube"
admin.site.unregister(ProcrastinateJob)


@admin.register(ProcrastinateJob)
class JobAdmin(ProcrastinateJobAdmin):
    """Procrastinate's own page (retry, cancel, abort), with a search and without a full count."""

    search_fields: ClassVar[Any] = ("task_name", "args", "id")
    show_full_result_count = False
    ordering: ClassVar[Any] = ("-id",)
    list_per_page = 50

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Let those act who were given the change permission, although nothing is editable."""
        if not request.user.has_perm("procrastinate.change_procrastinatejob"):
            return {}
        return super().get_actions(request)
