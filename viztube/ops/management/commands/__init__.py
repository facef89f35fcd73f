"""Commands that operators run, for ``manage.py``."""
