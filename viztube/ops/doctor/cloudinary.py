"""Cloudinary: whether it answers and takes our credentials."""

from viztube.media.backends import MediaMissing, MediaRefused, MediaUnavailable, cloud
from viztube.media.cloud import CloudinaryBackend
from viztube.ops.doctor.findings import Finding, failed, not_checked, ok


def problem_with(backend: CloudinaryBackend) -> str:
    """Ask it, and return why it cannot be used, without a full stop; "" when it can."""
    try:
        backend.ping()
    except MediaUnavailable as failure:
        return str(failure).removesuffix(".")
    except (MediaMissing, MediaRefused):
        # What these say is about files.
        return "Cloudinary does not know what is asked: check CLOUDINARY_URL"
    return ""


def answers() -> Finding:
    """Ask Cloudinary, if it is in use."""
    backend = cloud()
    if backend is None:
        return not_checked("CLOUDINARY_URL is not set: media stays on this disk.")
    if problem := problem_with(backend):
        return failed(
            f"{problem}.",
            "Compare CLOUDINARY_URL with Cloudinary's console and look at status.cloudinary.com; "
            "jobs that need it are retried.",
        )
    return ok(f"Cloudinary ({backend.account.cloud_name}) answers.")
