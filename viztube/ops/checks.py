"""What ``manage.py check --deploy`` asks besides Django's own checks."""

from typing import Any

from django.conf import settings
from django.core.checks import Error, Tags, register


@register(Tags.security, deploy=True)
def public_url_is_https(app_configs: Any, **kwargs: Any) -> list[Error]:
    """Refuse plain http: cookies would cross the network in the clear."""
    if settings.HTTPS:
        return []
    return [
        Error(
            f"PUBLIC_URL is {settings.PUBLIC_URL}, which is not https.",
            hint="Set PUBLIC_URL to the https address that people use.",
            id="viztube.E001",
        )
    ]
