"""Running the import in tests."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from dashboard.tests.old_service import OldService

Run = Callable[..., dict[str, list[int]]]
Lines = Callable[[], list[dict[str, Any]]]


def import_v2(service: OldService, report: Path, **options: Any) -> dict[str, list[int]]:
    """Import; return the numbers that are printed for each table, in their order."""
    out = StringIO()
    call_command("import_v2", f"--from={service.address}", report=report, stdout=out, **options)
    lines = [line.split() for line in out.getvalue().splitlines()[1:10]]
    return {name: [int(word) for word in rest] for name, *rest in lines}


def failed(address: str, *options: str) -> str:
    """Return the sentence that an import fails with; it never holds the password."""
    with pytest.raises(CommandError) as caught:
        call_command("import_v2", f"--from={address}", *options)
    assert caught.value.returncode == 1
    assert "hunter2" not in str(caught.value)
    return str(caught.value)


def lines_of(report: Path) -> list[dict[str, Any]]:
    """Return what is in a report."""
    return [json.loads(line) for line in report.read_text().splitlines()]
