"""What a case page shows of what was reported: the thing itself and what is around it."""

from itertools import chain
from typing import Any

from social.models import Case, Comment, TargetType
from social.services.targets import describe, rows_of
from videos.models import Video
from viztube.media.backends import disk

AROUND = 3  # comments before and after
LATEST = 6  # videos of a channel


def evidence(case: Case) -> dict[str, Any]:
    """Return the target as it is now, None when it is gone, and what surrounds it."""
    target_type = TargetType(case.target_type)
    rows = rows_of(target_type)
    if target_type == TargetType.COMMENT:
        rows = rows.select_related("video")
    target = rows.filter(pk=case.target_id).first()
    shown: dict[str, Any] = {"target": target, "kind": target_type.value}
    if target is None:
        return shown
    shown["changed_since"] = describe(target).excerpt != case.excerpt
    match target_type:
        case TargetType.VIDEO:
            shown |= playable(target)
        case TargetType.COMMENT:
            shown["thread"] = thread_around(target)
        case TargetType.CHANNEL:
            shown |= {
                "avatar": disk().url(target.avatar),
                "videos": list(
                    Video.objects.filter(user=target).order_by("-created_at", "-pk")[:LATEST]
                ),
            }
    return shown


def playable(video: Video) -> dict[str, str]:
    """Return the addresses of a video and its poster, "" without one."""
    return {"address": disk().url(video.video_path), "poster": disk().url(video.thumbnail_path)}


def thread_around(comment: Comment) -> list[Comment]:
    """Return a comment between those just before and after it, the oldest first."""
    others = Comment.objects.filter(video=comment.video_id).select_related("user")
    here = (comment.created_at, comment.pk)
    earlier = others.filter(created_at__lte=here[0]).exclude(pk=comment.pk)
    later = others.filter(created_at__gt=here[0])
    before = list(earlier.order_by("-created_at", "-pk")[:AROUND])
    after = list(later.order_by("created_at", "pk")[:AROUND])
    return list(chain(reversed(before), [comment], after))
