"""Test equipment: what the stand-in for Cloudinary stores, and what its calls do.

Never for production: see ``standin``.
"""

import hashlib
import re
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from mimetypes import guess_type
from typing import Any

from viztube.media.tests.standin_wire import (
    VIDEO_SECONDS,
    VIDEO_SIZE,
    Facts,
    FilePart,
    Json,
    Refused,
    content_range,
    facts_of,
    flag,
    image_facts,
    segment_list,
    signature_of,
    variant_list,
)

Content = bytes
Key = tuple[str, str]

# Every chunk but the last has at least this many bytes, or Cloudinary refuses it.
LEAST_CHUNK = 5 * 1024 * 1024
PAGE_DEFAULT, PAGE_MOST, IDS_MOST = 10, 500, 100
_NOT_IN_IDS = set("?&#\\%<>+")
# A folder that looks like a transformation ("ab_c/") would be taken for one.
_DELIVERED = re.compile(
    r"/(?P<kind>image|video|raw)/upload/(?P<steps>(?:[a-z]{1,3}_[^/]+/)*)(?:v\d+/)?(?P<name>.+)"
)
_VARIANT = "c_limit,w_1280,h_720"  # the one that each stream has
_MIME = {"m3u8": "application/x-mpegURL", "ts": "video/MP2T", "webp": "image/webp"}


@dataclass
class Asset:
    """A stored file."""

    kind: str
    public_id: str
    version: int
    format: str
    bytes: int
    width: int | None
    height: int | None
    duration: float | None
    created_at: datetime
    content: Content = field(repr=False)
    streams: set[str] = field(default_factory=set)
    tags: list[str] = field(default_factory=list)
    asset_id: str = field(default_factory=lambda: secrets.token_hex(16))
    base: str = field(default="", repr=False)

    @property
    def secure_url(self) -> str:
        """Return where it is delivered; plain HTTP here, HTTPS at Cloudinary."""
        return self.derived_url("", self.format)

    def derived_url(self, steps: str, extension: str) -> str:
        """Return where a file that is made of this one is delivered."""
        name = f"{self.public_id}.{extension}" if extension else self.public_id
        return f"{self.base}/{self.kind}/upload/{steps}v{self.version}/{name}"


@dataclass
class Job:
    """Eager transformations that were asked for: ``sp_hd/m3u8`` and the like."""

    asset: Asset
    public_id: str  # at that time: after a rename nothing is left to transform
    transformations: list[str]
    notification_url: str
    batch_id: str = field(default_factory=lambda: secrets.token_hex(32))


@dataclass(frozen=True)
class Copy:
    """What the edge answers at an address, and which file it came from."""

    key: Key
    content: Content
    content_type: str


class Account:
    """Files, chunks that have arrived, jobs that wait, and copies at the edge."""

    cloud = "demo"
    api_key = "123456789012345"
    api_secret = "a-secret-of-the-stand-in"

    def __init__(self, url: str) -> None:
        self.url = url
        self.assets: dict[Key, Asset] = {}
        self.jobs: list[Job] = []
        self.lock = threading.RLock()
        self._chunks: dict[str, bytearray] = {}
        self._edge: dict[str, Copy] = {}
        self._version = 0

    def put(
        self,
        kind: str,
        public_id: str,
        content: bytes,
        *,
        format: str,  # noqa: A002 - Cloudinary's word for it
        age: timedelta = timedelta(),
    ) -> Asset:
        """Store a file that is simply there, whatever its content."""
        try:
            _, width, height = image_facts(content)
        except Refused:
            width, height = VIDEO_SIZE
        return self._store(kind, public_id, content, (format, width, height), age)

    def stored(self) -> set[str]:
        """Return kind and public id of each file."""
        with self.lock:
            return {f"{kind} {public_id}" for kind, public_id in self.assets}

    def upload(
        self, kind: str, params: Json, file: FilePart | None, headers: Mapping[str, str]
    ) -> Json:
        """Store a file, or a chunk of one."""
        if file is None:
            raise Refused(400, "Missing required parameter - file")
        public_id = str(params.get("public_id") or secrets.token_hex(10))
        _check_id(public_id)
        content: bytes | None = file.content
        if headers.get("Content-Range"):
            content = self._whole(file.content, headers)
        if content is None:
            return {
                "done": False,
                "kind": "upload",
                "public_id": public_id,
                "resource_type": kind,
                "type": "upload",
                "bytes": len(file.content),
            }
        there = self.assets.get((kind, public_id))
        if there is not None and not flag(params, "overwrite", True):
            return self.described(there) | {"existing": True}
        asset = self._store(kind, public_id, content, facts_of(kind, content, file.name))
        asset.tags = [tag for tag in str(params.get("tags", "")).split(",") if tag]
        self._invalidate(params, asset.kind, public_id)
        return self.described(asset) | self._ask(asset, params)

    def rename(self, kind: str, params: Json) -> Json:
        """Give a file another id. What was made of it is gone, and its version stays."""
        source, target = str(params.get("from_public_id")), str(params.get("to_public_id"))
        _check_id(target)
        asset = self._known(kind, source)
        if (kind, target) in self.assets and not flag(params, "overwrite"):
            raise Refused(400, f"to_public_id ({target}) already exists")
        del self.assets[kind, source]
        asset.public_id = target
        asset.streams.clear()
        self.assets[kind, target] = asset
        self._invalidate(params, kind, source, target)
        return self.described(asset)

    def destroy(self, kind: str, params: Json) -> Json:
        """Delete a file; one that is not there is no error."""
        public_id = str(params.get("public_id"))
        self._invalidate(params, kind, public_id)
        gone = self.assets.pop((kind, public_id), None)
        return {"result": "not found" if gone is None else "ok"}

    def explicit(self, kind: str, params: Json) -> Json:
        """Ask for transformations of a file that is there."""
        asset = self._known(kind, str(params.get("public_id")))
        return self.described(asset) | self._ask(asset, params)

    def resource(self, kind: str, public_id: str) -> Json:
        """Describe one file."""
        return self.described(self._known(kind, public_id))

    def resources(self, kind: str, params: Json) -> Json:
        """List files by prefix, page after page, or by ids."""
        found = sorted(id_ for kind_, id_ in self.assets if kind_ == kind)
        if "public_ids" in params:
            if len(params["public_ids"]) > IDS_MOST:
                raise Refused(400, f"Too many public_ids: at most {IDS_MOST}")
            found = [id_ for id_ in found if id_ in params["public_ids"]]
        found = [id_ for id_ in found if id_.startswith(str(params.get("prefix", "")))]
        # The cursor says after which id to go on, so a page is right even if files went meanwhile.
        after = bytes.fromhex(str(params.get("next_cursor", ""))).decode()
        found = [id_ for id_ in found if id_ > after]
        size = min(int(params.get("max_results", PAGE_DEFAULT)), PAGE_MOST)
        page: Json = {"resources": [self.resource(kind, id_) for id_ in found[:size]]}
        if len(found) > size:
            page["next_cursor"] = found[size - 1].encode().hex()
        return page

    def finished(self, job: Job, *, failed: bool) -> Json:
        """End a job and return what its notification says."""
        now = datetime.now(UTC)
        failed = failed or self.assets.get((job.asset.kind, job.public_id)) is not job.asset
        return {
            "notification_type": "eager",
            "timestamp": now.isoformat(timespec="seconds"),
            "request_id": secrets.token_hex(16),
            "eager": _failures(job) if failed else _made(job),
            "batch_id": job.batch_id,
            "asset_id": job.asset.asset_id,
            "public_id": job.public_id,
            "api_key": self.api_key,
            "signature_key": self.api_key,
            "notification_context": {
                "triggered_at": now.isoformat().replace("+00:00", "Z"),
                "triggered_by": {"source": "api", "id": self.api_key},
            },
        }

    def delivered(self, path: str) -> Copy | None:
        """Return what is at an address. Once delivered it stays at the edge; a 404 does not."""
        with self.lock:
            copy = self._edge.get(path) or self._origin(path)
            if copy is not None:
                self._edge[path] = copy
            return copy

    def described(self, asset: Asset) -> Json:
        """Return what Cloudinary answers about a file."""
        signed = {"public_id": asset.public_id, "version": asset.version}
        answer = {
            "asset_id": asset.asset_id,
            **signed,
            "version_id": hashlib.md5(f"{asset.asset_id}{asset.version}".encode()).hexdigest(),
            "signature": signature_of(signed, self.api_secret),
            "format": asset.format,
            "resource_type": asset.kind,
            "created_at": asset.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tags": asset.tags,
            "bytes": asset.bytes,
            "type": "upload",
            "etag": hashlib.md5(asset.content).hexdigest(),
            "placeholder": False,
            "url": asset.secure_url,
            "secure_url": asset.secure_url,
        }
        if asset.kind != "raw":
            answer |= {"width": asset.width, "height": asset.height}
        if asset.kind == "video":
            answer |= {
                "duration": asset.duration,
                "frame_rate": 25.0,
                "video": {"codec": "h264", "pix_format": "yuv420p"},
                "audio": {"codec": "aac", "frequency": 44100, "channels": 2},
            }
        return answer

    def _store(
        self,
        kind: str,
        public_id: str,
        content: bytes,
        facts: Facts,
        age: timedelta = timedelta(),
    ) -> Asset:
        with self.lock:
            made_at = datetime.now(UTC) - age
            self._version = max(self._version + 1, int(time.time()))
            asset = Asset(
                kind,
                public_id,
                self._version,
                facts[0],
                len(content),
                facts[1],
                facts[2],
                VIDEO_SECONDS if kind == "video" else None,
                made_at,
                content,
                base=self.url,
            )
            self.assets[kind, public_id] = asset
            return asset

    def _whole(self, chunk: bytes, headers: Mapping[str, str]) -> bytes | None:
        """Take a chunk; return the whole file once it is there."""
        start, end, total = content_range(str(headers.get("Content-Range")))
        upload_id = str(headers.get("X-Unique-Upload-Id") or "")
        if not upload_id:
            raise Refused(400, "Missing X-Unique-Upload-Id")
        if end - start != len(chunk):
            raise Refused(400, "Content-Range does not fit the chunk")
        if end < total and len(chunk) < LEAST_CHUNK:
            raise Refused(400, "All parts except EOF-chunk must be larger than 5mb")
        arrived = self._chunks.setdefault(upload_id, bytearray())
        if start != len(arrived):
            raise Refused(400, f"Expected the chunk that starts at {len(arrived)}, got {start}")
        arrived += chunk
        return bytes(self._chunks.pop(upload_id)) if end == total else None

    def _ask(self, asset: Asset, params: Json) -> Json:
        """Transform a file now or later, as the call wants it."""
        wanted = [text for text in str(params.get("eager", "")).split("|") if text]
        if not wanted:
            return {}
        job = Job(asset, asset.public_id, wanted, str(params.get("eager_notification_url", "")))
        if flag(params, "eager_async"):
            self.jobs.append(job)
            return {"batch_id": job.batch_id}
        return {"eager": _made(job)}

    def _known(self, kind: str, public_id: str) -> Asset:
        asset = self.assets.get((kind, public_id))
        if asset is None:
            raise Refused(404, f"Resource not found - {public_id}")
        return asset

    def _invalidate(self, params: Json, kind: str, *public_ids: str) -> None:
        """Drop every copy of a file from the edge, if the call asks for it."""
        if flag(params, "invalidate"):
            keys = {(kind, public_id) for public_id in public_ids}
            self._edge = {path: copy for path, copy in self._edge.items() if copy.key not in keys}

    def _origin(self, path: str) -> Copy | None:
        match = _DELIVERED.fullmatch(path)
        if match is None:
            return None
        kind, steps, name = match["kind"], match["steps"], match["name"]
        stem, _, extension = name.rpartition(".")
        if kind == "video" and steps.startswith("sp_"):
            return _stream_file(self.assets.get((kind, stem)), steps, extension)
        asset = self.assets.get((kind, name)) or self.assets.get((kind, stem))
        # Cloudinary would convert to another format; nobody here asks for that.
        if asset is None or (asset.public_id == stem and asset.format != extension):
            return None
        mime = _MIME.get(asset.format) or guess_type(f"x.{asset.format}")[0]
        return Copy((kind, asset.public_id), asset.content, mime or "application/octet-stream")


def _stream_file(asset: Asset | None, steps: str, extension: str) -> Copy | None:
    """Return a file of an HLS stream: its list of variants, a variant's list, or a segment."""
    profile, _, variant = steps.removesuffix("/").partition("/")
    if asset is None or profile.removeprefix("sp_") not in asset.streams:
        return None
    inside = asset.derived_url(f"{profile}/{_VARIANT}/", "").removeprefix(asset.base)
    if extension == "ts" and variant == _VARIANT:
        content = asset.content[:188]
    elif extension != "m3u8" or variant not in {"", _VARIANT}:
        return None
    else:
        content = segment_list(f"{inside}.ts") if variant else variant_list(f"{inside}.m3u8")
    return Copy((asset.kind, asset.public_id), content, _MIME[extension])


def _check_id(public_id: str) -> None:
    if not public_id.strip() or _NOT_IN_IDS & set(public_id):
        raise Refused(400, f"public_id ({public_id}) is invalid")


def _made(job: Job) -> list[Json]:
    entries = []
    for text in job.transformations:
        steps, _, extension = text.partition("/")
        if steps.startswith("sp_"):
            job.asset.streams.add(steps.removeprefix("sp_"))
        url = job.asset.derived_url(f"{steps}/", extension or job.asset.format)
        entries.append(
            {
                "transformation": text,
                "bytes": 1007,
                "format": extension or job.asset.format,
                "url": url,
                "secure_url": url,
            }
        )
    return entries


def _failures(job: Job) -> list[Json]:
    reason: dict[str, Any] = {"status": "failed", "reason": "Video processing failed"}
    return [{"transformation": text, **reason} for text in job.transformations]
