"""Whether a notification is Cloudinary's.

The signature is a digest of the raw body, the timestamp and the account's secret, see
https://cloudinary.com/documentation/notification_signatures. The SDK's own check compares in a time
that depends on the signature, takes any timestamp of the future, and raises on junk.
"""

import hashlib
import hmac
import re
import time

from django.conf import settings

MAX_AGE = 2 * 3600  # seconds; the SDK's own bound
MAX_AHEAD = 60  # seconds by which clocks may differ

_TIMESTAMP = re.compile(r"[0-9]{1,12}")
# An account signs with either; the length tells which.
_DIGESTS = {40: hashlib.sha1, 64: hashlib.sha256}


def is_genuine(body: bytes, *, timestamp: str, signature: str) -> bool:
    """Tell whether the account in use signed this body, and not long ago.

    ``timestamp`` and ``signature`` are the headers X-Cld-Timestamp and X-Cld-Signature, "" for a
    missing one.
    """
    digest = _DIGESTS.get(len(signature))
    if settings.CLOUDINARY_ACCOUNT is None or digest is None or not _TIMESTAMP.fullmatch(timestamp):
        return False
    secret = settings.CLOUDINARY_ACCOUNT.api_secret
    expected = digest(body + timestamp.encode() + secret.encode()).hexdigest()
    fresh = -MAX_AHEAD <= time.time() - int(timestamp) <= MAX_AGE
    return hmac.compare_digest(expected.encode(), signature.encode()) and fresh
