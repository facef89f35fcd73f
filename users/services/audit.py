"""Writing the audit trail of sign-ins and passwords."""

from users.devices import Device
from users.models import SecurityEvent, SecurityEventKind, User


def record(kind: SecurityEventKind, *, user: User | None, device: Device | None = None) -> None:
    """Add an event to the trail; ``device`` is None for what is done at the machine itself."""
    device = device or Device()
    SecurityEvent.objects.create(kind=kind, user=user, device=device.name, address=device.address)
