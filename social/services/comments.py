"""Writing and deleting comments, which lists of videos count."""

from social.models import Comment
from social.services import changes
from users.models import User
from videos.models import Video
from videos.services.shown import forget_lists_on_commit


def add_comment(*, user: User, video: Video, content: str) -> Comment:
    """Say something about a video; raises IntegrityError (answered 404) when it is gone."""
    comment: Comment = Comment.objects.create(user=user, video=video, content=content)
    forget_lists_on_commit()
    return comment


def delete_comment(comment: Comment) -> None:
    """Delete a comment and its likes; raises ApiError (404) when it is gone."""
    changes.delete(comment)
    forget_lists_on_commit()
