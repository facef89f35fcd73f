"""Commands of the dashboard app, for ``manage.py``."""
