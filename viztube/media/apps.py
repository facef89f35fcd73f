"""Django's entry for the media package; it has jobs but no tables."""

from django.apps import AppConfig


class MediaConfig(AppConfig):
    """The media package."""

    name = "viztube.media"
    label = "media"
