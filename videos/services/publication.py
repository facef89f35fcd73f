"""Giving a video's files the address that fits who may see them."""

from django.db import transaction

from videos.models import Video
from videos.services import assets
from videos.services.placement import settle
from videos.tasks import move_assets, settle_video
from viztube.media.paths import new_folder
from viztube.media.placement import SAFETY_NET_DELAY, discard_on_commit

# What gets another value with another place.
PLACE = (
    "folder",
    "stored_folder",
    "video_file",
    "thumbnail_file",
    "former_folders",
    "stream_file",
    "processing_status",
    "processing_error",
)


def relocate_on_commit(*, video: Video) -> None:
    """Give a locked or new row a fresh folder in the area where its files belong.

    The caller saves the row (``PLACE``). The files follow once the transaction commits, and then
    every address handed out before is gone; a job looks after the move. On Cloudinary it is the job
    that moves them, because a request does not wait for others.
    """
    old, video.folder = video.folder, new_folder(video.area)
    if old:
        assets.undo_pushes(video=video, folder=old)
    if assets.readdress(video=video, old=old):
        move_assets.defer(video_id=str(video.pk))
        if not video.has_folder:
            # What Cloudinary has now may still be here, under the address from before.
            discard_on_commit(video.stored_folder)
    if not video.has_folder:
        video.stored_folder = video.folder
        return
    settle_video.configure(schedule_in={"seconds": SAFETY_NET_DELAY}).defer(video_id=str(video.pk))

    # A function of its own and no partial: Django logs the __qualname__ of what fails here.
    def move() -> None:
        settle(video_id=video.pk)

    transaction.on_commit(move, robust=True)
