"""Files that name others: what ffmpeg would follow, if it were let."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CANARY = "CANARY-5d1f"


@contextmanager
def addresses_of(secret: Path) -> Iterator[dict[str, str]]:
    """Yield what addresses a file that nobody may see, and a port where somebody listens.

    In the end nobody has called there.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        port = listener.getsockname()[1]
        size = secret.stat().st_size
        yield {
            "path": str(secret),
            "file": f"file:{secret}",
            "concat": f"concat:{secret}|{secret}",
            "subfile": f"subfile,,start,0,end,{size},,:{secret}",
            "http": f"http://127.0.0.1:{port}/secret.mp4",
            "tcp": f"tcp://127.0.0.1:{port}",
            "port": str(port),
        }
        with pytest.raises(BlockingIOError):
            listener.accept()


def playlist(target: str) -> str:
    """Return a playlist of one segment."""
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n"


def concat_list(target: str) -> str:
    """Return a list for ffmpeg's concat demuxer."""
    return f"ffconcat version 1.0\nfile '{target}'\n"


def session(port: str) -> str:
    """Return a session description (SDP, RFC 8866) of video that comes to a port."""
    return (
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=video {port} RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    )


def with_key(target: str) -> str:
    """Return a playlist whose key is elsewhere."""
    key = f'#EXT-X-KEY:METHOD=AES-128,URI="{target}"\n'
    return playlist("video.mp4").replace("#EXTINF", f"{key}#EXTINF")


def with_map(target: str) -> str:
    """Return a playlist whose header is elsewhere."""
    return playlist("video.mp4").replace("#EXTINF", f'#EXT-X-MAP:URI="{target}"\n#EXTINF')


FORMS: dict[str, Callable[[str], str]] = {"hls": playlist, "ffconcat": concat_list}
KEYED_FORMS = FORMS | {"hls key": with_key, "hls map": with_map}
TARGETS = ["path", "file", "concat", "subfile", "http", "tcp"]
