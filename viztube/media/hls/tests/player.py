"""Streams as players find them: from the master playlist on, by what playlists say."""

import re
from collections.abc import Callable
from urllib.parse import urljoin

_URI = re.compile(r'URI="([^"]*)"')


def addresses_of_stream(master: str, read: Callable[[str], str]) -> list[str]:
    """Return the address of a playlist, and all that it leads to.

    ``read`` fetches the text of a playlist.
    """
    found = [master]
    for line in read(master).splitlines():
        named = _URI.findall(line) if line.startswith("#") else [line]
        for address in (urljoin(master, name) for name in named if name):
            if address.endswith(".m3u8"):
                found += addresses_of_stream(address, read)
            elif address not in found:
                found.append(address)
    return found
