"""Tables of what people do with videos and with each other, one module a noun."""

from social.models.actions import REASON_LENGTH, DecisionName, ModerationAction
from social.models.cases import (
    DETAILS_LENGTH,
    Case,
    Outcome,
    Report,
    ReportReason,
    TargetType,
)
from social.models.likes import Like
from social.models.playlists import Playlist, PlaylistVideo
from social.models.posts import COMMENT_LENGTH, TWEET_LENGTH, Comment, Tweet
from social.models.subscriptions import Subscription

__all__ = [
    "COMMENT_LENGTH",
    "DETAILS_LENGTH",
    "REASON_LENGTH",
    "TWEET_LENGTH",
    "Case",
    "Comment",
    "DecisionName",
    "Like",
    "ModerationAction",
    "Outcome",
    "Playlist",
    "PlaylistVideo",
    "Report",
    "ReportReason",
    "Subscription",
    "TargetType",
    "Tweet",
]
