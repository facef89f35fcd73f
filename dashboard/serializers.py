"""Statistics on the wire, and the parameters they are asked for with."""

from datetime import date, timedelta
from itertools import islice
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from dashboard.periods import INTERVALS, starts_between
from social.serializers import LikesSerializer
from videos.serializers import VideoSerializer
from viztube.api.errors import FieldError
from viztube.api.serializers import Serializer

DEFAULT_DAYS = 30
MOST_POINTS = 1000
# Further than anybody has statistics, and far from where the calendar of Python ends.
YEARS = range(1970, 3000)


class StatsSerializer(Serializer):
    """Totals of a channel."""

    total_views = serializers.IntegerField()
    total_subscribers = serializers.IntegerField()
    total_videos = serializers.IntegerField()
    total_likes = serializers.IntegerField()


class OwnVideoSerializer(VideoSerializer):
    """A video on its owner's dashboard."""

    _count = LikesSerializer(source="*", read_only=True)

    class Meta(VideoSerializer.Meta):
        fields = (*VideoSerializer.Meta.fields, "_count")
        read_only_fields = fields


class PointSerializer(Serializer):
    """What happened on a channel in one period, named by its first day."""

    date = serializers.DateField()
    views = serializers.IntegerField()
    subscribers = serializers.IntegerField()
    likes = serializers.IntegerField()
    comments = serializers.IntegerField()


class AnalyticsSerializer(Serializer):
    """What happened on a channel, period by period."""

    points = PointSerializer(many=True)


@extend_schema_field(
    {"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "maxLength": 0}]}
)
class DayField(serializers.DateField):
    """A day of the years 1970 to 2999, written as ``2026-01-31`` and in no other way."""

    default_error_messages = {
        "invalid": "must be a date like 2026-01-31",
        "years": f"must be in the years {YEARS.start} to {YEARS[-1]}",
    }

    def to_internal_value(self, value: Any) -> date:
        """Return the day."""
        day: date = super().to_internal_value(value)
        if day.isoformat() != value:
            self.fail("invalid")
        if day.year not in YEARS:
            self.fail("years")
        return day


class PeriodsSerializer(Serializer):
    """``?from&to&interval``: the periods that statistics are asked for."""

    from_ = DayField(
        required=False,
        help_text=f"The first day (UTC, 1970 to 2999). Default {DEFAULT_DAYS} days up to `to`. "
        "It is moved to the start of its period.",
    )
    to = DayField(
        required=False,
        help_text="The last day (UTC, 1970 to 2999). Default today. "
        "It is moved to the end of its period.",
    )
    interval = serializers.ChoiceField(
        choices=list(INTERVALS),
        required=False,
        # For the documentation: a blank one counts as not given anyway.
        allow_blank=True,
        error_messages={"invalid_choice": f"must be one of {', '.join(INTERVALS)}"},
        help_text=f"Default day. At most {MOST_POINTS:,} periods; weeks start on Monday.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return ``interval``, and as ``starts`` the first days of the periods.

        Raises FieldError (400) when there are none or too many.
        """
        interval = attrs.get("interval") or "day"
        last = attrs.get("to") or timezone.now().date()
        first = attrs.get("from_") or last - timedelta(days=DEFAULT_DAYS - 1)
        if first > last:
            raise FieldError("from", "must not be after `to`, which is today unless it is given")
        starts = list(islice(starts_between(first, last, interval), MOST_POINTS + 1))
        if len(starts) > MOST_POINTS:
            raise FieldError("from", f"is too early: at most {MOST_POINTS:,} {interval}s at once")
        return {"interval": interval, "starts": starts}
