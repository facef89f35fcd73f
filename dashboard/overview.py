"""The desk's start page: what waits for staff, and how the site grows."""

import json
import shutil
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.http import HttpRequest
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from social.models import Case
from users.models import User
from videos.models import Video

WAITING = 10  # cases
FAILED = 5  # jobs
DAYS = 30
MOST = 1000  # counted
GIGABYTE = 10**9


def start_page(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return what the start page shows this person; unfold calls it as its DASHBOARD_CALLBACK."""
    allowed = request.user.has_perm
    shown: dict[str, Any] = {}
    if allowed("social.view_case"):
        shown |= _queue()
    if allowed("procrastinate.view_procrastinatejob"):
        shown |= _failed_jobs()
    if allowed("users.view_user"):
        people = _by_day(User.objects.all(), Count("pk"))
        shown["sign_ups"] = {"total": sum(people.values()), "chart": _chart("Sign-ups", people)}
    if allowed("videos.view_video"):
        uploaded = _by_day(Video.objects.all(), Sum("video_bytes"))
        gigabytes = {day: (size or 0) / GIGABYTE for day, size in uploaded.items()}
        shown["storage"] = {
            "total": sum(gigabytes.values()),
            "chart": _chart("Gigabytes uploaded", gigabytes),
            **_disk(),
        }
    return context | shown | {"days": DAYS}


def _queue() -> dict[str, Any]:
    """Return the cases to decide first, and how many wait."""
    waiting = Case.objects.open().order_by("opened_at", "pk")
    oldest = waiting.first()
    return {
        "queue": list(Case.objects.queue()[:WAITING]),
        "waiting": _counted(waiting),
        "oldest": oldest.opened_at if oldest else None,
    }


def _failed_jobs() -> dict[str, Any]:
    failed = ProcrastinateJob.objects.filter(status="failed").order_by("-id")
    return {"failed_jobs": list(failed[:FAILED]), "failed": _counted(failed)}


def _counted(rows: QuerySet[Any]) -> str:
    """Return how many rows there are, up to a bound."""
    number = rows[: MOST + 1].count()
    return f"more than {MOST:,}" if number > MOST else f"{number:,}"


def _by_day(rows: QuerySet[Any], number: Any) -> dict[date, Any]:
    """Return a number for each of the last days (UTC), today included."""
    today = timezone.now().astimezone(UTC).date()
    first = today - timedelta(days=DAYS - 1)
    rows = rows.filter(created_at__gte=datetime.combine(first, time(), UTC)).order_by()
    counted = rows.values_list(TruncDate("created_at", tzinfo=UTC)).annotate(number=number)
    days = [first + timedelta(days=n) for n in range(DAYS)]
    return dict.fromkeys(days, 0) | dict(counted)


def _chart(label: str, numbers: dict[date, Any]) -> str:
    """Return the data of a chart as unfold's component takes it (Chart.js)."""
    return json.dumps(
        {
            "labels": [f"{day:%b} {day.day}" for day in numbers],
            "datasets": [
                {
                    "label": label,
                    "data": [round(float(number), 3) for number in numbers.values()],
                    "backgroundColor": "var(--color-primary-600)",
                    "displayYAxis": True,
                    "maxTicksXLimit": 8,
                }
            ],
        }
    )


def _disk() -> dict[str, Any]:
    """Return how full the disk of the media is, nothing when it is away."""
    try:
        usage = shutil.disk_usage(settings.MEDIA_ROOT)
    except OSError:
        return {}
    used = usage.total - usage.free
    return {
        "used": used / GIGABYTE,
        "size": usage.total / GIGABYTE,
        "percent": round(100 * used / usage.total),
    }
