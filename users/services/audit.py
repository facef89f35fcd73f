"""The audit trail of sign-ins and passwords."""

from datetime import timedelta

from django.utils import timezone
from prometheus_client import Counter

from users.devices import Device
from users.models import SecurityEvent, SecurityEventKind, User

EVENTS = Counter("viztube_security_events", "Sign-ins, failed ones and the like.", ["kind"])
KEEP_EVENTS = timedelta(days=90)


def record(kind: SecurityEventKind, *, user: User | None, device: Device | None = None) -> None:
    """Add an event to the trail; ``device`` is None for what is done at the machine itself."""
    device = device or Device()
    SecurityEvent.objects.create(kind=kind, user=user, device=device.name, address=device.address)
    EVENTS.labels(kind=kind.value).inc()


def delete_old_events(*, dry_run: bool = False) -> int:
    """Delete what was kept long enough, which names people and where they were; return how many."""
    old = SecurityEvent.objects.filter(created_at__lt=timezone.now() - KEEP_EVENTS)
    return old.count() if dry_run else old.delete()[0]
