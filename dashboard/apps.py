"""Django's entry for the dashboard app."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    """Channel statistics and demo data."""

    name = "dashboard"
