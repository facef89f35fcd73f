"""The social app in Django admin, one module a noun."""

from social.admin import cases, reports

__all__ = ["cases", "reports"]
