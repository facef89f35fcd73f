"""Views: the stored total of each video against its days."""

from videos.models import Video
from viztube.ops.doctor.findings import Finding, failed, ok

SHOWN = 5


def add_up() -> Finding:
    """Look for videos whose total is not the sum of their days."""
    wrong = [str(pk) for pk in Video.objects.miscounted().values_list("pk", flat=True)[: SHOWN + 1]]
    if not wrong:
        return ok("The views of every video are the sum of its days.")
    more = " and more" if len(wrong) > SHOWN else ""
    return failed(
        f"The views of these videos are not the sum of their days: {', '.join(wrong[:SHOWN])}"
        f"{more}.",
        "Only what is written past VizTube does that: find out what did, then correct DailyViews "
        "or Video.views by hand.",
    )
