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


@register(Tags.security, deploy=True)
def cloudinary_is_https(app_configs: Any, **kwargs: Any) -> list[Error]:
    """Refuse plain http to Cloudinary: on pages of https browsers do not load such files."""
    account = settings.CLOUDINARY_ACCOUNT
    options = dict(account.options) if account else {}
    api = str(options.get("upload_prefix", "https://"))
    if options.get("secure", True) and api.lower().startswith("https://"):
        return []
    return [
        Error(
            "CLOUDINARY_URL asks for Cloudinary over plain http.",
            hint="Take secure=false and an upload_prefix without https:// out of CLOUDINARY_URL.",
            id="viztube.E002",
        )
    ]
