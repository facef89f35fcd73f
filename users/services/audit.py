"""Writing the audit trail of sign-ins and passwords."""

from prometheus_client import Counter

from users.devices import Device
from users.models import SecurityEvent, SecurityEventKind, User

EVENTS = Counter("viztube_security_events", "Sign-ins, failed ones and the like.", ["kind"])


def record(kind: SecurityEventKind, *, user: User | None, device: Device | None = None) -> None:
    """Add an event to the trail; ``device`` is None for what is done at the machine itself."""
    device = device or Device()
    SecurityEvent.objects.create(kind=kind, user=user, device=device.name, address=device.address)
    EVENTS.labels(kind=kind.value).inc()
