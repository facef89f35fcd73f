"""The WSGI application that gunicorn serves."""

import os

import django
from django.core.handlers.wsgi import WSGIHandler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "viztube.settings")
django.setup(set_prefix=False)

from viztube.api.requests import Utf8Request  # noqa: E402 - needs the settings


class Application(WSGIHandler):
    """Django's handler with our own request class."""

    request_class = Utf8Request


application = Application()
