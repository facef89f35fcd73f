"""Django's entry for the videos app."""

from django.apps import AppConfig


class VideosConfig(AppConfig):
    """Videos and what is counted about them."""

    name = "videos"
