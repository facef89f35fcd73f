#!/usr/bin/env python
"""Django's command line for VizTube."""

import os
import sys


def main() -> None:
    """Run a management command; a bad setting is one sentence, not a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "viztube.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        import viztube.settings  # noqa: F401
    except ImproperlyConfigured as error:
        sys.exit(f"viztube: {error}")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
