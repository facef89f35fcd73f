"""Django's entry for the users app."""

from django.apps import AppConfig


class UsersConfig(AppConfig):
    """People and their sessions."""

    name = "users"
