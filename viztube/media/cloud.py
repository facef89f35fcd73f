"""Cloudinary: where media goes when ``CLOUDINARY_URL`` is set.

A file's public id is its path without the extension (``p/<key>/video``), so an id cannot be guessed
and is never used for anything else: nothing is ever overwritten, and the version in an address
stays ``v1``. That is also the one form that Cloudinary's older accounts invalidate.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import cloudinary
import cloudinary.api
import cloudinary.exceptions
import cloudinary.uploader
import cloudinary.utils
import requests
from django.conf import settings
from django.core.files import File
from urllib3 import Timeout

from viztube.environment import CloudinaryAccount
from viztube.media.backends import (
    Kind,
    MediaBackend,
    MediaMissing,
    MediaRefused,
    MediaUnavailable,
    StoredFile,
    kind_of,
)
from viztube.media.paths import HIDDEN, PUBLISHED, is_own_id, public_id_of
from viztube.media.storages import TIMEOUT, ImageStorage, VideoStorage
from viztube.media.uploads import require_room

# Cloudinary's name for a set of renditions up to 1080p, made of a video once it is there.
STREAM = {"streaming_profile": "hd", "format": "m3u8"}
NOTIFY_PATH = "/api/v2/media/cloudinary/notify"
# What it lists at most in one answer.
PAGE = 500
PING_TIMEOUT = Timeout(connect=3, read=5)
DELIVERY_TIMEOUT = (10, 30)  # seconds to connect, to wait for data
COPY_BYTES = 256 * 1024

_DELIVERED = re.compile(r"(?:v[0-9]+/)?(?P<id>.+?)(?:\.[A-Za-z0-9]+)?")


class CloudinaryBackend(MediaBackend):
    """The account that ``CLOUDINARY_URL`` names."""

    def __init__(self, account: CloudinaryAccount) -> None:
        self.account = account
        self._storages = {Kind.IMAGE: ImageStorage(), Kind.VIDEO: VideoStorage()}
        # The SDK also reads variables of the environment by itself: only ours count.
        configuration = cloudinary.config()
        for name in set(vars(configuration)) - {"_uri_scheme"}:
            delattr(configuration, name)
        cloudinary.config(
            **{
                "cloud_name": account.cloud_name,
                "api_key": account.api_key,
                "api_secret": account.api_secret,
                "secure": True,
                "signature_algorithm": "sha1",
                "signature_version": 2,
                **dict(account.options),
            }
        )

    def url(self, path: str) -> str:
        """Return where Cloudinary delivers a path of ours, "" for no path."""
        if not path:
            return ""
        file = PurePosixPath(path)
        return self.address(kind_of(file), public_id_of(path), file.suffix.removeprefix("."))

    @staticmethod
    def address(kind: Kind, public_id: str, extension: str) -> str:
        """Return where a file is delivered in the format that an extension names, "" for none."""
        return str(
            cloudinary.utils.cloudinary_url(
                public_id, resource_type=kind.value, type="upload", format=extension or None
            )[0]
        )

    def add(self, folder: str, file: Path) -> StoredFile:
        """Send a file, and ask for its stream if it is a video. The file itself stays here."""
        kind = kind_of(file)
        public_id = public_id_of(f"{folder}/{file.name}")
        options = _stream_options() if kind is Kind.VIDEO else {}
        try:
            with _translated(), file.open("rb") as content:
                return _described(self._storages[kind].upload(public_id, File(content), **options))
        except MediaMissing as error:
            raise MediaUnavailable("Cloudinary does not know its own address.") from error

    def find(self, kind: Kind, public_id: str) -> StoredFile | None:
        """Return what Cloudinary knows of a file (a call of the rate-limited Admin API)."""
        try:
            with _translated():
                return _described(
                    cloudinary.api.resource(public_id, resource_type=kind.value, timeout=TIMEOUT)
                )
        except MediaMissing:
            return None

    def delivers(self, address: str) -> bool:
        """Tell whether a file is at an address. Raises MediaUnavailable."""
        try:
            answer = requests.head(address, timeout=DELIVERY_TIMEOUT)
        except requests.RequestException as error:
            raise MediaUnavailable("Cloudinary's delivery does not answer.") from error
        if answer.status_code not in {200, 404, 410}:
            raise MediaUnavailable("Cloudinary's delivery does not answer as it should.")
        return answer.status_code == 200

    def fetch(self, address: str, target: Path) -> None:
        """Download a file from where it is delivered. Raises MediaRefused too."""
        try:
            with _delivered(address) as response, target.open("wb") as file:
                if response.status_code in {404, 410}:
                    raise MediaMissing(address)
                if response.status_code in {400, 401, 403}:
                    raise MediaRefused("Cloudinary does not deliver this file to us.")
                response.raise_for_status()
                expected = response.headers.get("Content-Length")
                require_room(int(expected or 0))
                for part in response.iter_content(COPY_BYTES):
                    file.write(part)
        except requests.RequestException as error:
            raise MediaUnavailable("Cloudinary did not deliver the file.") from error
        if expected is not None and target.stat().st_size != int(expected):
            raise MediaUnavailable("Cloudinary delivered half of the file.")

    def remove(self, kind: Kind, public_id: str) -> None:
        """Delete a file and what was made of it, at the edge too."""
        with _translated():
            self._storages[kind].delete(public_id)

    def holdings(self) -> Iterator[StoredFile]:
        """Yield every file whose public id is one of ours."""
        for kind in Kind:
            for area in (PUBLISHED, HIDDEN):
                for found in _listed(kind, f"{area}/"):
                    if is_own_id(found.public_id):
                        yield found

    def rename(self, kind: Kind, public_id: str, new_id: str) -> StoredFile | None:
        """Give a file another id, at the edge too; return None when there is none.

        Its stream is gone with its old id. Raises MediaUnavailable, MediaRefused.
        """
        try:
            with _translated():
                return _described(
                    cloudinary.uploader.rename(
                        public_id,
                        new_id,
                        resource_type=kind.value,
                        type="upload",
                        overwrite=False,
                        invalidate=True,
                        timeout=TIMEOUT,
                    )
                )
        except MediaMissing:
            return None

    def request_stream(self, public_id: str) -> None:
        """Ask for a video's stream; being made or there already is fine.

        Raises MediaMissing, MediaUnavailable, MediaRefused.
        """
        with _translated():
            cloudinary.uploader.explicit(
                public_id,
                resource_type=Kind.VIDEO.value,
                type="upload",
                timeout=TIMEOUT,
                **_stream_options(),
            )

    def stream_url(self, public_id: str) -> str:
        """Return where a video's HLS playlist is, once it has been made."""
        return str(
            cloudinary.utils.cloudinary_url(
                public_id, resource_type=Kind.VIDEO.value, type="upload", **STREAM
            )[0]
        )

    def answers_with_playlist(self, address: str) -> bool:
        """Tell whether an HLS playlist (RFC 8216) is at an address. Raises MediaUnavailable."""
        try:
            with _delivered(address) as response:
                return response.status_code == 200 and any(
                    part == b"#EXTM3U" for part in islice(response.iter_content(7), 1)
                )
        except requests.RequestException as error:
            raise MediaUnavailable("Cloudinary's delivery does not answer.") from error

    def id_at(self, kind: Kind, address: str) -> str | None:
        """Return the public id in an address of this account, None for any other address."""
        base = self.address(kind, "x", "").removesuffix("x").partition("://")[2]
        _, _, rest = address.partition("://")
        match = _DELIVERED.fullmatch(rest.removeprefix(base)) if rest.startswith(base) else None
        return match["id"] if match else None

    def ping(self) -> None:
        """Ask whether the credentials count. Raises MediaUnavailable."""
        with _translated():
            # The SDK asks four times.
            cloudinary.api.ping(timeout=PING_TIMEOUT)


def _stream_options() -> dict[str, Any]:
    return {
        "eager": [STREAM],
        "eager_async": True,
        "eager_notification_url": settings.PUBLIC_URL + NOTIFY_PATH,
    }


def _delivered(address: str) -> requests.Response:
    """Ask for a file as it is stored, to be read bit by bit."""
    return requests.get(
        address, stream=True, timeout=DELIVERY_TIMEOUT, headers={"Accept-Encoding": "identity"}
    )


def _listed(kind: Kind, prefix: str) -> Iterator[StoredFile]:
    cursor = None
    while True:
        with _translated():
            page = cloudinary.api.resources(
                resource_type=kind.value,
                type="upload",
                prefix=prefix,
                max_results=PAGE,
                next_cursor=cursor,
                timeout=TIMEOUT,
            )
        yield from map(_described, page["resources"])
        cursor = page.get("next_cursor")
        if cursor is None:
            return


def _described(answer: dict[str, Any]) -> StoredFile:
    """Return what an answer of Cloudinary says of a file."""
    kind, public_id = Kind(answer["resource_type"]), str(answer["public_id"])
    extension = str(answer.get("format") or "")
    return StoredFile(
        kind=kind,
        public_id=public_id,
        address=CloudinaryBackend.address(kind, public_id, extension),
        bytes=int(answer["bytes"]),
        format=extension,
        version=int(answer["version"]),
        width=answer.get("width"),
        height=answer.get("height"),
        duration=answer.get("duration"),
        made_at=datetime.fromisoformat(answer["created_at"]),
    )


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what the SDK raises into what callers of the interface know.

    Only an answer of 400 is final: Cloudinary has understood and does not want the file. Wrong
    credentials and used-up limits heal when somebody mends them, all else by itself.
    """
    try:
        yield
    except cloudinary.exceptions.NotFound as error:
        raise MediaMissing("Cloudinary has no such file.") from error
    except (cloudinary.exceptions.BadRequest, cloudinary.exceptions.AlreadyExists) as error:
        if "stale request" in str(error).lower():
            raise MediaUnavailable("This machine's clock is wrong: Cloudinary objects.") from error
        raise MediaRefused("Cloudinary does not take this file.") from error
    except (cloudinary.exceptions.AuthorizationRequired, cloudinary.exceptions.NotAllowed) as error:
        raise MediaUnavailable(
            "Cloudinary refuses the credentials: check CLOUDINARY_URL."
        ) from error
    except cloudinary.exceptions.RateLimited as error:
        raise MediaUnavailable("Cloudinary's rate limit is used up for now.") from error
    except Exception as error:
        # The SDK knows some statuses only; for the others its Admin API raises a plain Exception.
        if isinstance(error, cloudinary.exceptions.Error) or type(error) is Exception:
            raise MediaUnavailable("Cloudinary does not answer as it should.") from error
        raise
