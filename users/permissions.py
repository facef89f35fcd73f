"""Who may ask for what moves tokens."""

from typing import Any

from django.conf import settings
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from viztube.api.errors import CrossSite
from viztube.api.origins import from_trusted_site


class FromAllowedSite(AllowAny):
    """Let anyone in but pages of sites that CORS_ORIGIN does not allow.

    When it allows every site, their pages get tokens in the body, but neither give nor get cookies.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Raise CrossSite (403) for a foreign page."""
        if not (settings.CORS_ALLOW_ALL_ORIGINS or from_trusted_site(request)):
            raise CrossSite
        return True
