"""Jobs on files. They run on the machine whose disk holds them."""

from procrastinate.contrib.django import app

from viztube.media.backends import FolderMissing, Kind, MediaUnavailable, cloud, disk
from viztube.media.queues import DEFAULT_QUEUE, DISK_QUEUE, URGENT, Backoff
from viztube.media.spools import sweep


@app.task(queue=DISK_QUEUE, retry=Backoff(attempts=36))
def delete_folder(folder: str) -> None:
    """Remove a folder whose row is gone; tried for more than a day before staff is asked."""
    disk().delete(folder)


@app.task(queue=DISK_QUEUE, retry=Backoff(attempts=36))
def place_folder(source: str, target: str) -> None:
    """Finish moving a folder that the request was to move itself; most often that is done."""
    try:
        disk().move(source, target)
    except FolderMissing:
        return  # moved, and deleted or replaced since


@app.task(queue=DEFAULT_QUEUE, retry=Backoff(attempts=40), priority=URGENT)
def remove_from_cloud(kind: str, public_id: str) -> None:
    """Delete a file on Cloudinary that nothing refers to any longer."""
    backend = cloud()
    if backend is None:
        raise MediaUnavailable("CLOUDINARY_URL is not set, so no file can be deleted there.")
    backend.remove(Kind(kind), public_id)


# On each machine, for its own disk.
@app.periodic(cron="17 * * * *", periodic_id=DISK_QUEUE)
@app.task(queue=DISK_QUEUE, queueing_lock=f"prune_incoming {DISK_QUEUE}")
def prune_incoming(timestamp: int) -> None:
    """Delete what killed processes left in ``incoming/`` and ``trash/``."""
    sweep()
