"""Links, times and lengths in templates of the desk."""

from datetime import UTC, datetime
from typing import Any

from django import template
from django.utils.html import format_html

from viztube.desk.cells import as_clock
from viztube.desk.cells import link_to as link

register = template.Library()


@register.simple_tag
def link_to(row: Any, text: str | None = None) -> str:
    """Return a link to the page of a row; its text is the row's own if none is given."""
    return link(row, text)


@register.simple_tag
def time(moment: datetime) -> str:
    """Return a time as people read it, with the exact one for machines."""
    utc = moment.astimezone(UTC)
    return format_html(
        '<time datetime="{}">{} UTC</time>', utc.isoformat(), utc.strftime("%Y-%m-%d %H:%M")
    )


@register.filter
def clock(seconds: float) -> str:
    """Return a length like ``1:02:03``."""
    return as_clock(seconds)
