"""Django's entry for the social app."""

from django.apps import AppConfig


class SocialConfig(AppConfig):
    """Likes, comments, subscriptions, playlists and tweets."""

    name = "social"
