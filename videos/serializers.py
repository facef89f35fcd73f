"""Videos on the wire."""

from typing import ClassVar

from rest_framework import serializers
from rest_framework.fields import empty

from users.serializers import MediaAddressField, PersonSerializer
from videos.models import ProcessingStatus, Video
from viztube.api.serializers import (
    BooleanField,
    ChangesSerializer,
    CharField,
    ModelSerializer,
    Serializer,
)
from viztube.media.backends import disk
from viztube.media.fields import PictureField, VideoField

TITLE_LENGTH = 500
DESCRIPTION_LENGTH = 10_000


class RenditionSerializer(Serializer):
    """One quality of a stream that this machine made; reads what ``with_details`` adds."""

    height = serializers.IntegerField(read_only=True, help_text="In pixels.")
    width = serializers.IntegerField(read_only=True, help_text="In pixels.")
    bitrate = serializers.IntegerField(read_only=True, help_text="Bits a second on average.")
    codecs = serializers.CharField(read_only=True, help_text="As RFC 6381 writes them.")


class VideoSerializer(ModelSerializer):
    """A video as its owner gets it back."""

    video_file_url = MediaAddressField(source="video_path")
    video_file_public_id = serializers.CharField(read_only=True)
    thumbnail_url = MediaAddressField(source="thumbnail_path")
    thumbnail_public_id = serializers.CharField(source="thumbnail_file_public_id", read_only=True)
    views = serializers.IntegerField(source="total_views", read_only=True)
    user_id = serializers.UUIDField(read_only=True)
    stream_url = serializers.SerializerMethodField()
    renditions = RenditionSerializer(source="rendition_list", many=True, read_only=True)
    likes_count = serializers.IntegerField(read_only=True)
    comments_count = serializers.IntegerField(read_only=True)
    is_liked = serializers.BooleanField(read_only=True, allow_null=True)

    class Meta:
        model = Video
        fields: ClassVar[tuple[str, ...]] = (
            "id",
            "title",
            "description",
            "video_file_url",
            "video_file_public_id",
            "thumbnail_url",
            "thumbnail_public_id",
            "stream_url",
            "renditions",
            "duration",
            "width",
            "height",
            "views",
            "is_published",
            "user_id",
            "processing_status",
            "likes_count",
            "comments_count",
            "is_liked",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    def get_stream_url(self, video: Video) -> str | None:
        """Return the address of the HLS master playlist, None while there is none."""
        return disk().url(video.stream_path) or None


class VideoWithUserSerializer(VideoSerializer):
    """A video with its owner beside it."""

    user = PersonSerializer(read_only=True)

    class Meta(VideoSerializer.Meta):
        fields = (*VideoSerializer.Meta.fields, "user")
        read_only_fields = fields


class VideoOwnerSerializer(Serializer):
    """Whose video it is, as its page shows them; reads a video with its channel's details."""

    id = serializers.UUIDField(source="user.id", read_only=True)
    username = serializers.CharField(source="user.username", read_only=True)
    fullname = serializers.CharField(source="user.fullname", read_only=True)
    avatar = MediaAddressField(source="user.avatar")
    subscribers_count = serializers.IntegerField(read_only=True)
    is_subscribed = serializers.BooleanField(read_only=True, allow_null=True)


class VideoPageSerializer(VideoSerializer):
    """A video as its page shows it."""

    user = VideoOwnerSerializer(source="*", read_only=True)

    class Meta(VideoSerializer.Meta):
        fields = (*VideoSerializer.Meta.fields, "user")
        read_only_fields = fields


class ProcessingSerializer(ModelSerializer):
    """How far a video's streams are; reads a video with its transcoding."""

    stream_url = serializers.SerializerMethodField()
    percent = serializers.SerializerMethodField()
    processing_error = serializers.SerializerMethodField()

    class Meta:
        model = Video
        fields: ClassVar[tuple[str, ...]] = (
            "id",
            "processing_status",
            "percent",
            "processing_error",
            "stream_url",
        )
        read_only_fields = fields

    def get_stream_url(self, video: Video) -> str | None:
        """Return the address of the HLS master playlist, None while there is none."""
        return disk().url(video.stream_path) or None

    def get_percent(self, video: Video) -> int | None:
        """Return how much is done, from 0 to 100; None when it failed."""
        if video.processing_status == ProcessingStatus.PROCESSING:
            making = getattr(video, "transcoding", None)
            return making.percent if making else 0
        return 100 if video.processing_status == ProcessingStatus.COMPLETED else None

    def get_processing_error(self, video: Video) -> str | None:
        """Return why it failed, a sentence for the owner alone."""
        is_owner = self.context["request"].user.pk == video.user_id
        return (video.processing_error or None) if is_owner else None


class OptionalBooleanField(BooleanField):
    """A boolean that a form may leave out (DRF takes a missing one for false)."""

    default_empty_html = empty


class UploadAnswerSerializer(Serializer):
    """Documentation of what an upload answers."""

    video = VideoSerializer()


class UploadSerializer(Serializer):
    """A new video, as multipart."""

    title = CharField(max_length=TITLE_LENGTH)
    description = CharField(max_length=DESCRIPTION_LENGTH, allow_blank=True, default="")
    video_file = VideoField()
    thumbnail = PictureField(required=False)
    is_published = OptionalBooleanField(default=True)


class UpdateSerializer(ChangesSerializer):
    """Changes to a video, as JSON or multipart."""

    title = CharField(max_length=TITLE_LENGTH, required=False)
    description = CharField(max_length=DESCRIPTION_LENGTH, allow_blank=True, required=False)
    thumbnail = PictureField(required=False)
    is_published = OptionalBooleanField(required=False)
