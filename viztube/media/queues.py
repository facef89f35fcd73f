"""Queues of jobs and how they retry."""

from django.conf import settings
from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.jobs import Job

DEFAULT_QUEUE = "default"
# Jobs that need this machine's disk: with more machines, each has its own.
DISK_QUEUE = f"disk-{settings.MACHINE_NAME}"

# Jobs that send a file of this disk away, which takes as long as the file is large: one at a time,
# so that others need not wait for them.
PUSH_QUEUE = f"push-{settings.MACHINE_NAME}"
# Jobs that make streams, which take minutes and most of a machine: a worker may run nothing else.
TRANSCODE_QUEUES = "transcode-"  # how the names of all of them begin
TRANSCODE_QUEUE = f"{TRANSCODE_QUEUES}{settings.MACHINE_NAME}"
# When to delete once more what may have been sent: Cloudinary may finish with an upload after we
# have stopped waiting for it.
LATE_SECONDS = 15 * 60
# Priority of what takes something out of sight: before anything that takes long.
URGENT = 10

MAX_WAIT = 3600  # seconds


class CutOff(Exception):
    """The worker stops in the middle of a job: nothing is wrong with it, and another goes on."""


class Backoff(BaseRetryStrategy):
    """Retry after 5, 10, 20, ... seconds, at most an hour apart; then the job is ``failed``.

    ``attempts`` counts executions in all; ``first`` is another wait to begin with, in seconds. What
    was CutOff is retried at once.
    Staff see failed jobs in admin and can retry them.
    """

    def __init__(self, attempts: int, first: int = 5) -> None:
        self.attempts = attempts
        self.first = first

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """Return when to try again, None to give up (job.attempts starts at 0)."""
        if isinstance(exception, CutOff):
            return RetryDecision(retry_in={"seconds": 0})
        if job.attempts + 1 >= self.attempts:
            return None
        wait = min(self.first * 2 ** min(job.attempts, 12), MAX_WAIT)
        return RetryDecision(retry_in={"seconds": wait})
