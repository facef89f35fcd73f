"""What pages of the desk may load and run (Content Security Policy, https://www.w3.org/TR/CSP3/)."""

import re
from typing import Any

from csp.constants import NONCE, NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

# What else is in an address could say something in a policy.
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?=[/?#]|\Z)")


def origins_of(*addresses: str | None) -> list[str]:
    """Return on which servers files are, each once; leaves out what is no plain web address."""
    found = (_ORIGIN.match(address or "") for address in addresses)
    return list(dict.fromkeys(match[0] for match in found if match))


def page_policy(*pictures: str | None) -> dict[str, list[Any]]:
    """Return the policy of a page with nothing but its own style and these pictures."""
    return {
        "default-src": [NONE],
        "style-src": [NONCE],
        "img-src": ["data:", *origins_of(*pictures)],
        "base-uri": [NONE],
        "form-action": [NONE],
        "frame-ancestors": [NONE],
    }


DESK_POLICY = {
    "default-src": [NONE],
    # Alpine, which unfold is made with, compiles the expressions in its pages.
    "script-src": [SELF, NONCE, UNSAFE_EVAL],
    # Alpine and htmx write styles.
    "style-src": [SELF, UNSAFE_INLINE],
    # Videos are here, on Cloudinary or, imported, at any address.
    "img-src": [SELF, "data:", "https:", settings.PUBLIC_URL],
    "media-src": [SELF, "https:", settings.PUBLIC_URL],
    "connect-src": [SELF],
    "font-src": [SELF],
    "form-action": [SELF],
    "object-src": [NONE],
    "base-uri": [SELF],
    "frame-ancestors": [NONE],
}


class DeskPolicyMiddleware(CSPMiddleware):
    """Gives pages of the desk their policy; others have the one of their view, or none."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        """Return what the policy of an answer is made of."""
        parts = super().get_policy_parts(request, response, report_only)
        if not report_only and request.path_info.startswith("/admin/"):
            parts.config = parts.config or DESK_POLICY
        return parts
