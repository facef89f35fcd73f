"""What doctor says of disk, cache, clocks, Cloudinary, database and backups, each made wrong."""

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import redis
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from psycopg import sql

from videos.models import DailyViews, ViewEvent
from videos.services.views import fold_views
from videos.tests.factories import VideoFactory
from viztube.environment import Environment
from viztube.media import uploads
from viztube.media.tests.standin import Fault, StandIn
from viztube.ops.backups import folders
from viztube.ops.doctor import backup, cache, clock, cloudinary, database, disk, views
from viztube.ops.doctor.findings import Status
from viztube.ops.embedded import Valkey
from viztube.ops.tests.backing_up import OwnDatabase, server_does


def test_a_disk_with_room(media_root: Path) -> None:
    assert disk.has_room().status is Status.OK
    assert disk.is_writable().status is Status.OK
    assert list((media_root / "incoming").iterdir()) == []


def test_a_disk_that_eats_into_the_reserve(monkeypatch: pytest.MonkeyPatch) -> None:
    free = shutil.disk_usage("/").free
    monkeypatch.setattr(uploads, "RESERVED_BYTES", free * 1000)

    finding = disk.has_room()
    assert finding.status is Status.FAILED
    assert "every upload is refused" in finding.says
    assert "manage.py prune" in finding.advice


def test_a_disk_that_cannot_take_the_largest_videos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "VIDEO_BYTES", shutil.disk_usage("/").free * 1000)

    assert disk.has_room().status is Status.WARNING


def test_a_place_for_uploads_that_cannot_be_written(media_root: Path) -> None:
    media_root.mkdir()
    (media_root / "incoming").write_text("in the way")

    finding = disk.is_writable()
    assert finding.status is Status.FAILED
    assert "MEDIA_ROOT" in finding.advice


def test_a_cache_at_a_dead_port(settings: Any) -> None:
    settings.CACHES = {
        "default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    }

    assert cache.answers().status is Status.FAILED


def test_a_cache_drops_entries_when_it_is_full(settings: Any, data_dir: Path) -> None:
    valkey = Valkey(data_dir)
    settings.REDIS_URL = valkey.start()
    try:
        with redis.Redis.from_url(settings.REDIS_URL) as client:
            assert cache.has_room().status is Status.OK
            client.config_set("maxmemory", 3_000_000)
            for number in range(300):
                client.set(f"key{number}", b"x" * 20_000, ex=100)
            finding = cache.has_room()
            assert finding.status is Status.WARNING
            assert "for want of room" in finding.says
            assert "maxmemory" in finding.advice

            client.flushall()
            assert cache.has_room().status is Status.OK
    finally:
        valkey.stop()


@contextmanager
def telling(date: str | None) -> Iterator[str]:
    """Run a server that gives a Date; yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response_only(404)
            if date is not None:
                self.send_header("Date", date)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("ahead", "status"),
    [
        (0, Status.OK),
        (20, Status.WARNING),
        (-20, Status.WARNING),
        (90, Status.FAILED),
        (-90, Status.FAILED),
    ],
)
def test_a_clock_that_differs_from_outside(settings: Any, ahead: int, status: Status) -> None:
    with telling(formatdate(time.time() + ahead, usegmt=True)) as address:
        settings.HTTPS, settings.PUBLIC_URL = True, address
        finding = clock.agrees_with_outside()

    assert finding.status is status
    if ahead:
        assert ("behind" if ahead > 0 else "ahead of") in finding.says
        assert "timedatectl" in finding.advice


@pytest.mark.parametrize("date", [None, "soon"])
def test_who_does_not_tell_the_time_is_not_asked(settings: Any, date: str | None) -> None:
    with telling(date) as address:
        settings.HTTPS, settings.PUBLIC_URL = True, address
        assert clock.agrees_with_outside().status is Status.NOT_CHECKED
    assert clock.agrees_with_outside().status is Status.NOT_CHECKED  # nobody is there now

    settings.HTTPS = False
    assert "no machine outside" in clock.agrees_with_outside().says


def test_cloudinarys_clock_counts_when_it_is_in_use(settings: Any) -> None:
    with telling(formatdate(time.time() + 90, usegmt=True)) as address:
        account = f"cloudinary://123456789012345:abcdefghijk-LMNOP@demo?upload_prefix={address}"
        settings.CLOUDINARY_ACCOUNT = Environment({"X": account}).cloudinary("X")
        assert clock.agrees_with_outside().status is Status.FAILED


@pytest.mark.django_db
def test_the_databases_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    assert clock.agrees_with_database().status is Status.OK

    now = time.time
    monkeypatch.setattr("viztube.ops.doctor.clock.time.time", lambda: now() - 100)
    finding = clock.agrees_with_database()
    assert finding.status is Status.FAILED
    assert finding.says == "This machine's clock is 100 s behind the database's."


@pytest.mark.django_db
def test_a_database_of_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    assert database.has_our_version().status is Status.OK

    monkeypatch.setattr(database, "MAJOR_VERSION", 19)
    assert database.has_our_version().status is Status.FAILED


@pytest.mark.django_db
def test_a_migration_that_is_not_applied() -> None:
    assert database.is_migrated().status is Status.OK

    MigrationRecorder(connection).record_unapplied("dashboard", "nothing")
    last = MigrationRecorder.Migration.objects.filter(app="social").order_by("name").last()
    assert last is not None
    last.delete()
    finding = database.is_migrated()
    assert finding.status is Status.FAILED
    assert f"social.{last.name}" in finding.says
    assert finding.advice == "Run `manage.py migrate`."


@pytest.mark.django_db
def test_databases_that_restoring_has_left(own_database: OwnDatabase) -> None:
    def make(kind: str, age: timedelta) -> str:
        name = f"{own_database.name}_{kind}_{timezone.now() - age:{folders.STAMP}}"
        server_does(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return name

    make("before", timedelta(hours=23))
    make("restore", timedelta(hours=1))
    server_does(
        sql.SQL("CREATE DATABASE {}").format(sql.Identifier(f"{own_database.name}_restore_x"))
    )
    assert database.has_no_leftovers().status is Status.OK

    left = {make(kind, timedelta(hours=25)) for kind in ("before", "restore")}
    finding = database.has_no_leftovers()
    assert finding.status is Status.WARNING
    assert set(re.findall(r'"(\S+)"', finding.says)) == left
    assert "DROP DATABASE" in finding.advice


@pytest.mark.django_db
def test_views_that_do_not_add_up() -> None:
    right = VideoFactory.create(views=2)
    DailyViews.objects.create(video=right, day="2026-01-01", views=2)
    ViewEvent.objects.create(video=right)
    assert views.add_up().status is Status.OK  # not folded yet, so in neither
    fold_views()
    assert views.add_up().status is Status.OK

    too_few = VideoFactory.create(views=0)
    DailyViews.objects.create(video=too_few, day="2026-01-01", views=2)
    too_many = VideoFactory.create(views=1)
    finding = views.add_up()
    assert finding.status is Status.FAILED
    assert f"{too_few.pk}, {too_many.pk}." in finding.says
    assert str(right.pk) not in finding.says

    several = VideoFactory.create_batch(4, views=1)
    finding = views.add_up()
    assert finding.says.endswith(" and more.")
    assert [str(video.pk) in finding.says for video in several] == [True, True, True, False]


def test_cloudinary(standin: StandIn) -> None:
    assert cloudinary.answers().says == "Cloudinary (demo) answers."

    standin.fail("ping", Fault.UNAUTHORIZED)
    finding = cloudinary.answers()
    assert finding.status is Status.FAILED
    assert "refuses the credentials" in finding.says
    assert standin.api_secret not in finding.says + finding.advice


def test_without_cloudinary_nobody_is_asked() -> None:
    assert cloudinary.answers().status is Status.NOT_CHECKED


def backed_up(place: Path, age: timedelta, *, whole: bool = True) -> Path:
    moment = timezone.now() - age
    folder = place / f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}{'' if whole else '.partial'}"
    folder.mkdir()
    (folder / "database.dump").touch()
    return folder


def test_a_backup_that_is_old_or_missing(settings: Any, tmp_path: Path) -> None:
    settings.BACKUP_DIR = None
    assert backup.is_recent().status is Status.NOT_CHECKED
    settings.BACKUP_DIR = tmp_path / "missing"
    assert backup.is_recent().status is Status.FAILED

    settings.BACKUP_DIR = tmp_path / "backups"
    settings.BACKUP_DIR.mkdir()
    (settings.BACKUP_DIR / "lost+found").mkdir()
    (settings.BACKUP_DIR / "20261125T061500Z").touch()
    (settings.BACKUP_DIR / "20261225T061500Z").mkdir()
    backed_up(settings.BACKUP_DIR, timedelta(hours=1), whole=False)
    finding = backup.is_recent()
    assert finding.status is Status.FAILED
    assert "no backup" in finding.says

    backed_up(settings.BACKUP_DIR, timedelta(hours=100))
    backed_up(settings.BACKUP_DIR, timedelta(hours=26, minutes=5))
    assert backup.is_recent().status is Status.WARNING
    assert backup.is_recent().says == "The last backup is 26 hours old."
    backed_up(settings.BACKUP_DIR, timedelta(hours=25, minutes=55))
    assert backup.is_recent().status is Status.OK


def test_the_name_of_a_backup_is_its_moment(tmp_path: Path) -> None:
    folder = tmp_path / "20261125T061500Z"
    folder.mkdir()
    (folder / "x").touch()

    assert backup.made_at(folder) == datetime(2026, 11, 25, 6, 15, tzinfo=UTC)
