"""Addresses that lead astray: from a file that anyone may have to those that nobody may."""

from collections.abc import Iterator
from pathlib import Path

CANARY = b"nobody may read this"

_UPS = ("..", ".%2e", "%2e%2e", "%2E%2E", "%252e%252e", "%c0%ae%c0%ae", "..;")
_SLASHES = ("/", "//", "%2f", "%252f", "\\", "%5c", "%255c")
_ENDS = ("/", "//", "/.", "/..", "%00", "%00.m3u8", "%0a", "%20", ";", "%3f", ".new", "~", "%2f")


def plant(root: Path, stream: str, work: str) -> list[str]:
    """Write secrets below a media root; return their paths.

    ``stream`` is the folder of a stream (``p/<key>/hls-...``), ``work`` what a stream is called
    while it is made.
    """
    key = stream.split("/")[1]
    paths = [
        f"incoming/{work}/source.mp4",
        f"incoming/{work}/made/240p/index.m3u8",
        f"incoming/{work}/made/240p/00000.m4s",
        f"trash/{key}-0a1b2c3d/master.m3u8",
        f"trash/{key}/master.m3u8",
        "secret.m3u8",
        "p/secret.m3u8",
        f"{stream}/240p/.secret.m4s",
        f"{stream}/240p/deep/er.m4s",
        f"{stream}/.hidden/00000.m4s",
    ]
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(CANARY)
    return paths


def detours(stream: str, secrets: list[str]) -> Iterator[str]:
    """Yield addresses none of which may reach a file, as they go over the wire.

    Each secret by its own name and by every way up from a stream; below them, files of the stream
    by names that are not quite theirs.
    """
    folder, _, name = stream.rpartition("/")
    area, _, key = folder.partition("/")
    for secret in secrets:
        yield f"/media/{secret}"
        yield f"/media/{secret.replace('/', '%2f')}"
        for up in _UPS:
            for slash in _SLASHES:
                way = slash.join([up] * 3 + secret.split("/"))
                yield f"/media/{stream}/{way}"
                yield f"/media/{stream}/240p/{up}{slash}{way}"
    for end in _ENDS:
        for file in ("master.m3u8", "240p/index.m3u8", "240p/00000.m4s", "240p"):
            yield f"/media/{stream}/{file}{end}"
    yield f"/media/{stream}"
    yield f"/media/{stream}/"
    yield f"/media/{area}/{key.upper()}/{name}/master.m3u8"
    yield f"/media/{area}/{key[:-1]}/{name}/master.m3u8"
    yield f"/media/{area}/{key}0/{name}/master.m3u8"
    yield f"/media/x/{key}/{name}/master.m3u8"
    yield f"/{stream}/master.m3u8"
    yield f"/media/{folder}/hls-00000000/master.m3u8"
    yield f"/media/{area}/{'f' * 32}/{name}/master.m3u8"
