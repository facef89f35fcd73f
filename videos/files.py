"""Where the files of a video are, and its views: what its columns tell, in a row however read."""

from typing import Any

import orjson


class VideoFiles:
    """What follows from columns of a video that are attributes of the row."""

    folder: Any
    views: Any
    video_file: Any
    thumbnail_file: Any
    stream_file: Any
    video_public_id: Any
    thumbnail_public_id: Any
    renditions_json: str

    @property
    def video_path(self) -> str:
        """Return where the original is, below the media root or in the world, "" without one."""
        return self._path(self.video_file)

    @property
    def thumbnail_path(self) -> str:
        """Return where the poster is, below the media root or in the world, "" without one."""
        return self._path(self.thumbnail_file)

    @property
    def stream_path(self) -> str:
        """Return where the master playlist is, below the media root or in the world, or ""."""
        here = self.stream_file and "://" not in self.stream_file
        return f"{self.folder}/{self.stream_file}" if here else self.stream_file

    @property
    def video_file_public_id(self) -> str:
        """Return what the place of the original calls it: below our media root, its path."""
        return self.video_public_id or self.video_path

    @property
    def thumbnail_file_public_id(self) -> str:
        """Return what the place of the poster calls it."""
        return self.thumbnail_public_id or self.thumbnail_path

    def _path(self, name: str) -> str:
        return f"{self.folder}/{name}" if name and "/" not in name else name

    @property
    def rendition_list(self) -> Any:
        """Return the renditions, when the query asked for them."""
        return orjson.loads(self.renditions_json)

    @property
    def total_views(self) -> int:
        """Return all views, those not folded yet included when the query asked for them."""
        return int(self.views) + int(getattr(self, "pending_views", 0))
