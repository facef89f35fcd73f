"""What stands in the cells of lists: shortened, linked, and escaped."""

from django.db.models import Model
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

LENGTH = 80  # characters


def shorten(text: str, length: int = LENGTH) -> str:
    """Return a text on one line, cut off at a length."""
    line = " ".join(text[: 4 * length].split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def as_clock(seconds: float) -> str:
    """Return a length like ``1:02:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def link_to(row: Model | None, text: str | None = None) -> SafeString | str:
    """Return a link to the page of a row; its text is the row's own if none is given."""
    if row is None:
        return "-"
    label = shorten(str(row) if text is None else text)
    try:
        address = reverse(f"admin:{row._meta.label_lower.replace('.', '_')}_change", args=[row.pk])
    except NoReverseMatch:
        return label
    return format_html('<a href="{}" class="text-link">{}</a>', address, label or "(empty)")
