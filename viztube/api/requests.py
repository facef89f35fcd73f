"""What is known about the request at hand: the client's address, the size of its body."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http.request import HttpHeaders, split_domain_port, validate_host
from django.utils.functional import cached_property
from django.utils.http import parse_header_parameters
from rest_framework.throttling import BaseThrottle


def client_address(request: Any) -> str | None:
    """Return the client's IP address, from X-Forwarded-For only as far as proxies are trusted.

    DRF's throttles read it the same way, by its ``NUM_PROXIES`` setting. None for what is no
    address.
    """
    plain = getattr(request, "_request", request)
    known = vars(plain)
    if "client_address" not in known:
        known["client_address"] = _address(_THROTTLE.get_ident(plain) or "")
    address: str | None = known["client_address"]
    return address


_THROTTLE = BaseThrottle()


@lru_cache(maxsize=4096)
def _address(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None


def content_length(request: Any) -> int:
    """Return the announced length of the body, 0 for none or one that makes no sense."""
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


@lru_cache(maxsize=256)
def _is_ours(host: str, allowed: tuple[str, ...]) -> bool:
    """Tell whether a host is allowed, as Django finds it out for every request."""
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, allowed)


class RequestHeaders(Mapping[str, str]):
    """The headers of a request, looked up where WSGI has them: Django copies all to find one."""

    def __init__(self, meta: Mapping[str, Any]) -> None:
        self._meta = meta

    def __getitem__(self, name: str) -> str:
        text: str = self._meta[HttpHeaders.to_wsgi_name(name)]
        return text

    def __iter__(self) -> Iterator[str]:
        return iter(HttpHeaders(self._meta))

    def __len__(self) -> int:
        return len(HttpHeaders(self._meta))


class Utf8Request(WSGIRequest):
    """A request whose texts are UTF-8, whatever charset its Content-Type claims.

    Django would decode the query string with it, and a charset that is no text encoding (``hex``)
    fails there before any middleware could answer; so does a type with crafted parameters.

    ``file_fields`` is what the view declares that may be uploaded, in bytes by field; None until a
    view does.
    """

    file_fields: Mapping[str, int] | None = None
    # The limit that this request came closest to: see ``viztube.api.throttling``.
    rate_limit: tuple[str, tuple[int, int], int, int] | None = None

    def get_host(self) -> str:
        """Return the host that was asked; raises DisallowedHost for one that is none of ours."""
        host = self._get_raw_host()  # type: ignore[attr-defined] # of Django
        return host if _is_ours(host, tuple(settings.ALLOWED_HOSTS)) else super().get_host()

    @cached_property
    def scheme(self) -> str | None:
        """``https`` or ``http``; asked for again and again."""
        return super().scheme

    @cached_property
    def headers(self) -> Any:
        """Its headers."""
        return RequestHeaders(self.META)

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            kind, parameters = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
        except (TypeError, ValueError, LookupError):
            # DRF reads the header itself and must not trip over it either.
            meta["CONTENT_TYPE"] = kind = "application/octet-stream"
            parameters = {}
        self.content_type, self.content_params = kind, parameters
