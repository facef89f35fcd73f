"""The file in which ``import_v2`` tells what it changed and refused."""

import stat
from pathlib import Path

import pytest

from dashboard.tests.importing import Lines, Run, failed
from dashboard.tests.old_service import OldService
from users.models import User

pytestmark = pytest.mark.django_db


def test_the_report_is_private_and_half_a_line_is_mended(
    small_old_service: OldService, run_import: Run, report: Lines, tmp_path: Path
) -> None:
    path = tmp_path / "report.jsonl"
    path.touch(0o644)
    run_import(small_old_service)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    whole, lines = path.read_bytes(), report()
    path.write_bytes(whole[: whole.index(b"\n", len(whole) // 2) + 10])

    run_import(small_old_service)

    # What was refused is told again; what was changed was told before.
    assert [line for line in lines if line["done"] == "refused"] == sorted(
        (line for line in report() if line["done"] == "refused"), key=lines.index
    )


def test_a_report_that_cannot_be_written_is_a_sentence(
    small_old_service: OldService, tmp_path: Path
) -> None:
    said = failed(small_old_service.address, f"--report={tmp_path}/missing/report.jsonl")

    assert said.endswith("name another with --report.")
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "content", ["precious", "precious\n", '{"table": 1}\n', '{"table":"User"}\nx']
)
def test_a_file_that_is_no_report_is_left_alone(
    small_old_service: OldService, tmp_path: Path, content: str
) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(content)
    said = failed(small_old_service.address, f"--report={path}")

    assert said == (
        f"The report {path} cannot be written (it is there and no report of an import): name "
        "another with --report."
    )
    assert path.read_text() == content


def test_a_report_is_a_file(small_old_service: OldService) -> None:
    said = failed(small_old_service.address, "--report=/dev/null")

    assert said.startswith("The report /dev/null cannot be written (it is no file): name another")
