"""What people do with videos and with each other, on the wire."""

from typing import Any, ClassVar

from rest_framework import serializers

from social.models import (
    COMMENT_LENGTH,
    DETAILS_LENGTH,
    TWEET_LENGTH,
    Comment,
    ModerationAction,
    Outcome,
    Playlist,
    Report,
    ReportReason,
    TargetType,
    Tweet,
)
from social.services.playlists import PLAYLIST_VIDEOS
from users.models import User
from users.serializers import MediaAddressField, PersonSerializer
from videos.models import Video
from videos.serializers import DESCRIPTION_LENGTH, TITLE_LENGTH, VideoWithUserSerializer
from viztube.api.serializers import (
    ChangesSerializer,
    CharField,
    IdField,
    ListField,
    ModelSerializer,
    Serializer,
    TimeField,
)
from viztube.media.backends import disk


class LikedSerializer(Serializer):
    """Whether the caller now likes something."""

    liked = serializers.BooleanField()


class SubscribedSerializer(Serializer):
    """Whether the caller now follows a channel."""

    subscribed = serializers.BooleanField()


class ChannelSerializer(ModelSerializer):
    """A channel as its page shows it, which is to everyone: without the e-mail address."""

    avatar = MediaAddressField()
    cover_image = MediaAddressField()
    subscriber_count = serializers.IntegerField(read_only=True)
    channels_subscribed_to_count = serializers.IntegerField(read_only=True)
    is_subscribed = serializers.BooleanField(read_only=True, allow_null=True)
    videos_count = serializers.IntegerField(read_only=True)

    class Meta:
        model = User
        fields = (
            "id",
            "username",
            "fullname",
            "avatar",
            "cover_image",
            "subscriber_count",
            "channels_subscribed_to_count",
            "is_subscribed",
            "videos_count",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class CommentFormSerializer(Serializer):
    """What a comment says."""

    content = CharField(max_length=COMMENT_LENGTH)


class CommentSerializer(ModelSerializer):
    """A comment as its writer gets it back."""

    user_id = serializers.UUIDField(read_only=True)
    video_id = serializers.UUIDField(read_only=True)

    class Meta:
        model = Comment
        fields: ClassVar[tuple[str, ...]] = (
            "id",
            "content",
            "user_id",
            "video_id",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class CommentWithUserSerializer(CommentSerializer):
    """A comment as lists show it."""

    user = PersonSerializer(read_only=True)
    likes_count = serializers.IntegerField(read_only=True)
    is_liked = serializers.BooleanField(read_only=True, allow_null=True)

    class Meta(CommentSerializer.Meta):
        fields = (*CommentSerializer.Meta.fields, "user", "likes_count", "is_liked")
        read_only_fields = fields


class TweetFormSerializer(Serializer):
    """What a tweet says."""

    content = CharField(max_length=TWEET_LENGTH)


class TweetSerializer(ModelSerializer):
    """A tweet as its writer gets it back."""

    user_id = serializers.UUIDField(read_only=True)

    class Meta:
        model = Tweet
        fields: ClassVar[tuple[str, ...]] = (
            "id",
            "content",
            "user_id",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class LikesSerializer(Serializer):
    """``_count`` as clients of the service before this one read it."""

    likes = serializers.IntegerField(source="likes_count", read_only=True)


class TweetWithUserSerializer(TweetSerializer):
    """A tweet as lists show it."""

    user = PersonSerializer(read_only=True)
    likes_count = serializers.IntegerField(read_only=True)
    is_liked = serializers.BooleanField(read_only=True, allow_null=True)
    _count = LikesSerializer(source="*", read_only=True)

    class Meta(TweetSerializer.Meta):
        fields = (*TweetSerializer.Meta.fields, "user", "likes_count", "is_liked", "_count")
        read_only_fields = fields


class PlaylistFormSerializer(Serializer):
    """A new playlist."""

    name = CharField(max_length=TITLE_LENGTH)
    description = CharField(max_length=DESCRIPTION_LENGTH, allow_blank=True, default="")


class PlaylistChangesSerializer(ChangesSerializer):
    """Changes to a playlist."""

    name = CharField(max_length=TITLE_LENGTH, required=False)
    description = CharField(max_length=DESCRIPTION_LENGTH, allow_blank=True, required=False)


class PlaylistOrderSerializer(Serializer):
    """The videos of a playlist in their new order."""

    video_ids = ListField(child=IdField(), max_length=PLAYLIST_VIDEOS)


class PlaylistSerializer(ModelSerializer):
    """A playlist as its owner gets it back."""

    user_id = serializers.UUIDField(read_only=True)

    class Meta:
        model = Playlist
        fields: ClassVar[tuple[str, ...]] = (
            "id",
            "name",
            "description",
            "user_id",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class PlaylistSummarySerializer(PlaylistSerializer):
    """A playlist as lists show it."""

    total_videos = serializers.IntegerField(read_only=True)
    thumbnail = serializers.SerializerMethodField()

    class Meta(PlaylistSerializer.Meta):
        fields = (*PlaylistSerializer.Meta.fields, "total_videos", "thumbnail")
        read_only_fields = fields

    def get_thumbnail(self, playlist: Any) -> str | None:
        """Return the address of the first thumbnail, None without one."""
        first = playlist.first_thumbnail
        return disk().url(Video(**first).thumbnail_path) if first else None


class PlaylistPageSerializer(PlaylistSerializer):
    """A playlist whose ``videos`` are what its viewer sees of them."""

    user = PersonSerializer(read_only=True)
    videos = VideoWithUserSerializer(many=True, read_only=True)
    total_videos = serializers.SerializerMethodField()
    total_views = serializers.SerializerMethodField()

    class Meta(PlaylistSerializer.Meta):
        fields = (*PlaylistSerializer.Meta.fields, "user", "videos", "total_videos", "total_views")
        read_only_fields = fields

    def get_total_videos(self, playlist: Any) -> int:
        """Return how many videos the viewer sees."""
        return len(playlist.videos)

    def get_total_views(self, playlist: Any) -> int:
        """Return how often those were viewed."""
        return sum(video.total_views for video in playlist.videos)


class ReportFormSerializer(Serializer):
    """What is wrong with what."""

    target_type = serializers.ChoiceField(TargetType.choices)
    target_id = IdField()
    reason = serializers.ChoiceField(ReportReason.choices)
    details = CharField(max_length=DETAILS_LENGTH, allow_blank=True, default="")


class ReportSerializer(ModelSerializer):
    """A report as who made it gets it back."""

    target_type = serializers.ChoiceField(TargetType.choices, read_only=True)
    target_id = serializers.UUIDField(read_only=True)
    state = serializers.ChoiceField(
        ["open", *Outcome.values], read_only=True, help_text="How the moderators decided."
    )
    decided_at = TimeField(source="case.closed_at", read_only=True, allow_null=True)

    class Meta:
        model = Report
        fields = (
            "id",
            "target_type",
            "target_id",
            "reason",
            "details",
            "state",
            "created_at",
            "decided_at",
        )
        read_only_fields = fields


class NoticeSerializer(ModelSerializer):
    """A decision as the person it is about gets it, without who took it."""

    class Meta:
        model = ModerationAction
        fields = (
            "id",
            "decision",
            "target_type",
            "target_id",
            "target_label",
            "reason",
            "until",
            "created_at",
        )
        read_only_fields = fields
