"""Which site a request comes from, as far as a browser says so.

Browsers send cookies along with requests that a foreign page makes. SameSite=Strict keeps ours
back, but not from other hosts of our own domain, and login does harm without any cookie: a foreign
page could sign its visitor in to an account of its choice.
"""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request


def from_trusted_site(request: Request | HttpRequest) -> bool:
    """Tell whether a request comes from a page of ours or of CORS_ORIGIN, or from no browser.

    Origin decides; without it Sec-Fetch-Site, without that Referer. A client that sends none of
    them is no browser, so nobody's cookies are at stake. Source: OWASP, Cross-Site Request Forgery
    Prevention Cheat Sheet, "Using Standard Headers to Verify Origin" and "Fetch Metadata".
    """
    if (origin := request.headers.get("Origin")) is not None:
        return _is_trusted(request, origin)
    if (relation := request.headers.get("Sec-Fetch-Site")) is not None:
        # "none": typed in or opened from a bookmark. "same-site" is another host of our domain.
        return relation in {"same-origin", "none"}
    if (referer := request.headers.get("Referer")) is not None:
        return _is_trusted(request, _origin_of(referer))
    return True


def _is_trusted(request: Request | HttpRequest, origin: str) -> bool:
    # The address in use may be another than PUBLIC_URL, like localhost; ALLOWED_HOSTS bounds it.
    own = (settings.PUBLIC_URL, f"{request.scheme}://{request.get_host()}")
    return origin in own or origin in settings.CORS_ALLOWED_ORIGINS


def _origin_of(address: str) -> str:
    """Return scheme and host of an address, "" when it has none."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}"
