"""Background jobs in Django admin."""

from typing import Any, ClassVar

from django.contrib import admin
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
