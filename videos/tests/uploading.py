"""Sending a video."""

from typing import Any

from viztube.api.tests.fixtures import Answer, Client
from viztube.media.tests.fixtures import named_file


def upload(client: Client, content: bytes, name: str = "video.mp4", **fields: Any) -> Answer:
    """Upload a file as a video."""
    return client.post("videos", {"title": "x", "videoFile": named_file(content, name), **fields})
