"""Writing, changing and deleting comments."""

from social.models import Comment
from social.services import changes
from social.services.shown import forget_comments_on_commit
from users.models import User
from videos.models import Video


def add_comment(*, user: User, video: Video, content: str) -> Comment:
    """Say something about a video; raises IntegrityError (answered 404) when it is gone."""
    comment: Comment = Comment.objects.create(user=user, video=video, content=content)
    forget_comments_on_commit(video.pk)
    return comment


def edit_comment(comment: Comment, *, content: str) -> None:
    """Say it differently; raises ApiError (404) when it is gone."""
    changes.edit(comment, content=content)
    forget_comments_on_commit(comment.video_id)


def delete_comment(comment: Comment) -> None:
    """Delete a comment and its likes; raises ApiError (404) when it is gone."""
    changes.delete(comment)
    forget_comments_on_commit(comment.video_id)
