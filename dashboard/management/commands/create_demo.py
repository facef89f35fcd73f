"""``manage.py create_demo``: a first account and something to watch."""

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dashboard.services.demo import DEMO_USERNAME, create_demo, demo_login_works
from users.models import User
from viztube.environment import Environment


class Command(BaseCommand):
    """Fills an empty database with a staff account and a few generated videos."""

    help = (
        "Fill an empty database with a staff account named demo, whose password is DEMO_PASSWORD, "
        "and a few generated videos. Does nothing when there are accounts already."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Create the demo, then say how to sign in while its password still holds."""
        password = Environment(os.environ).text("DEMO_PASSWORD", "")
        if len(password) < 8:
            raise CommandError("Set DEMO_PASSWORD to a password of at least 8 characters.")
        if not User.objects.exists():
            create_demo(password=password, say=self.stderr.write)
        if demo_login_works(password):
            self.stdout.write(f"Demo login: {DEMO_USERNAME}, password {password} (staff)")
