"""The settings, as Django's own checks before a deployment see them."""

from django.conf import settings
from django.core import checks

from viztube.ops.doctor.findings import Finding, failed, not_checked, ok, warning


def settings_pass() -> Finding:
    """Run ``manage.py check --deploy``, but where one develops: nobody deploys that."""
    if settings.DEBUG and not settings.HTTPS:
        return not_checked("DEBUG is on and PUBLIC_URL is not https: settings for developing.")
    found = [
        message
        for message in checks.run_checks(include_deployment_checks=True)
        if message.level >= checks.WARNING and not message.is_silenced()
    ]
    if not found:
        return ok("The settings pass the checks for a deployment.")
    ids = ", ".join(sorted({str(message.id) for message in found}))
    tell = failed if any(message.level >= checks.ERROR for message in found) else warning
    return tell(
        f"The settings do not pass the checks for a deployment: {ids}.",
        "Run `manage.py check --deploy`, which says what to set.",
    )
