"""Importing the old service's database: what arrives, once and exactly."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db.models import Model, Sum

from dashboard.imports.run import kinds
from dashboard.tests.importing import Lines, Run
from dashboard.tests.old_dirt import KEPT, LINES, REFUSED
from dashboard.tests.old_service import PASSWORD, OldService, old_id
from social.models import Comment, Like, Playlist, PlaylistVideo, Subscription, Tweet
from users.models import User
from videos.models import DailyViews, Video, WatchHistory
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db

# Our columns and where the old database has the same; what else there is has its own test.
SAME: dict[type[Model], tuple[str, dict[str, str]]] = {
    User: (
        "User",
        {"username": "username", "email": "email", "fullname": "fullname", "avatar": "avatar"},
    ),
    Video: (
        "Video",
        {
            "user_id": "userId",
            "title": "title",
            "video_file": "videoFileUrl",
            "video_public_id": "videoFilePublicId",
            "thumbnail_file": "thumbnailUrl",
            "thumbnail_public_id": "thumbnailPublicId",
            "views": "views",
            "duration": "duration",
            "is_published": "isPublished",
            "processing_status": "processingStatus",
        },
    ),
    Comment: ("Comment", {"content": "content", "user_id": "userId", "video_id": "videoId"}),
    Tweet: ("Tweet", {"content": "content", "user_id": "userId"}),
    Like: (
        "Like",
        {
            "user_id": "userId",
            "video_id": "videoId",
            "comment_id": "commentId",
            "tweet_id": "tweetId",
        },
    ),
    Playlist: ("Playlist", {"name": "name", "description": "description", "user_id": "userId"}),
    PlaylistVideo: (
        "PlaylistVideo",
        {"playlist_id": "playlistId", "video_id": "videoId", "added_at": "addedAt"},
    ),
    Subscription: ("Subscription", {"subscriber_id": "subscriberId", "channel_id": "channelId"}),
    WatchHistory: (
        "WatchHistory",
        {"user_id": "userId", "video_id": "videoId", "watched_at": "watchedAt"},
    ),
}


def plain(value: Any) -> Any:
    """Return a value of ours as to_jsonb writes the old one."""
    if isinstance(value, datetime):
        return moment(value.astimezone(UTC).replace(tzinfo=None).isoformat())
    return value if value is None or isinstance(value, str | int | float) else str(value)


def moment(text: str) -> str:
    """Return a time without zeros at the end of its fraction."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def test_ten_thousand_rows_arrive_exactly_as_they_were(
    large_old_service: OldService, run_import: Run
) -> None:
    numbers = run_import(large_old_service)

    assert sum(read for read, *_ in numbers.values()) > 10_000
    assert set(numbers) == {kind.name for kind in kinds()}
    for name, (read, imported, there, changed, refused) in numbers.items():
        assert (read, there) == (imported + refused, 0)
        assert changed == len([row for row in LINES if row[0] == name])
        assert refused == len([row for row in REFUSED if row[0] == name])
    for model, (table, columns) in SAME.items():
        olds = large_old_service.rows(table)
        rows = list(model._default_manager.values())
        assert len(rows) == numbers[table][1]
        for row in rows:
            old = olds[str(row["id"])]
            if (table, str(row["id"])) in LINES:
                continue
            assert {ours: plain(row[ours]) for ours in columns} == {
                ours: moment(old[theirs]) if ours.endswith("_at") else old[theirs]
                for ours, theirs in columns.items()
            }
            for ours, theirs in (("created_at", "createdAt"), ("updated_at", "updatedAt")):
                if theirs in old:
                    assert plain(row[ours]) == moment(old[theirs])


def test_what_we_have_besides_is_filled_in(small_old_service: OldService, run_import: Run) -> None:
    run_import(small_old_service)

    olds = small_old_service.rows("User")
    for user in User.objects.exclude(password__startswith="!"):
        assert user.password == f"bcrypt${olds[str(user.pk)]['password']}"
        assert (user.is_active, user.is_staff, user.is_superuser) == (True, False, False)
        if ("User", str(user.pk)) not in LINES:
            assert user.cover_image == (olds[str(user.pk)]["coverImage"] or "")
    videos = small_old_service.rows("Video")
    for video in Video.objects.select_related("user"):
        assert (video.width, video.height, video.removed_at) == (None, None, None)
        assert video.folder == video.stored_folder
        assert video.folder.startswith("p/" if video.is_published else "h/")
        assert not video.is_misplaced
        assert not video.has_folder
        if ("Video", str(video.pk)) not in LINES:
            assert video.description == (videos[str(video.pk)]["description"] or "")
    assert not any("token" in str(row) for row in User.objects.values())


def test_views_are_booked_on_the_day_a_video_was_made(
    small_old_service: OldService, run_import: Run
) -> None:
    run_import(small_old_service)

    for video in Video.objects.annotate(booked=Sum("daily_views__views")):
        assert (video.booked or 0) == video.views
    booked = DailyViews.objects.select_related("video")
    assert booked.exists()
    assert all(row.day == row.video.created_at.astimezone(UTC).date() for row in booked)


def test_a_playlist_keeps_the_order_in_which_it_was_filled(
    small_old_service: OldService, run_import: Run
) -> None:
    run_import(small_old_service)

    query = 'SELECT "playlistId", id FROM "PlaylistVideo" ORDER BY "addedAt", id'
    olds = small_old_service.execute(query)
    for playlist in Playlist.objects.filter(entries__isnull=False).distinct():
        entries = playlist.entries.order_by("position")
        wanted = [row_id for owner, row_id in olds if owner == str(playlist.pk)]
        assert [str(entry.pk) for entry in entries] == wanted
        assert [entry.position for entry in entries] == list(range(len(wanted)))


def test_each_thing_that_is_wrong_has_its_line(
    small_old_service: OldService, run_import: Run, report: Lines
) -> None:
    run_import(small_old_service)

    told: dict[tuple[str, str], list[Any]] = {}
    refused = {}
    for line in report():
        assert list(line) == ["table", "id", "reason", "done", "old"]
        row = (line["table"], line["id"])
        if line["done"] == "refused":
            refused[row] = line
            continue
        [(column, old)] = line["old"].items()
        told.setdefault(row, []).append((column, line["reason"], line["done"], old))
    assert {row: len(lines) for row, lines in told.items()} == {
        row: len(lines) for row, lines in LINES.items()
    }
    for row, lines in LINES.items():
        for said, expected in zip(told[row], lines, strict=True):
            assert said[:3] == expected[:3]
            whole = small_old_service.rows(row[0])[row[1]][expected[0]]
            assert said[3] == (whole if expected[3] is ... else expected[3])
    assert set(refused) == set(REFUSED)
    for row, reason in REFUSED.items():
        line = refused[row]
        assert line["reason"] == reason
        whole = small_old_service.rows(row[0])[row[1]]
        texts = {name: value for name, value in line["old"].items() if isinstance(value, str)}
        times = {"createdAt", "updatedAt", "addedAt", "watchedAt"}
        assert all(whole[name] == value for name, value in texts.items() if name not in times)
        assert "password" not in line["old"]
    for table, row_id in KEPT:
        assert (table, row_id) not in told
        model = next(kind.model for kind in kinds() if kind.name == table)
        assert model._default_manager.filter(pk=row_id).exists()


def test_the_older_account_keeps_its_name_and_both_sign_in(
    small_old_service: OldService, run_import: Run, api: Client
) -> None:
    run_import(small_old_service)

    newer, older = old_id("User", 1001), old_id("User", 1002)
    for body, who in (
        ({"username": "ALICE"}, older),
        ({"email": "alice@Example.com"}, older),
        ({"username": f"alice-{newer[-8:]}"}, newer),
        ({"email": f"{newer}@duplicate.invalid"}, newer),
        ({"username": "with/slash-and-<b>markup</b>&%_'\"\\"}, old_id("User", 1003)),
        ({"username": "ǺB"}, old_id("User", 1019)),
    ):
        answer = api.post("user/login", {**body, "password": PASSWORD})
        assert answer.data["user"]["id"] == who
    assert User.objects.get(pk=older).password.startswith("argon2$")
    unusable = User.objects.get(pk=old_id("User", 1014))
    for password in ("plain text", PASSWORD):
        body = {"username": unusable.username, "password": password}
        assert api.post("user/login", body).status == 401


def test_a_second_import_changes_nothing_and_brings_what_came_since(
    old_service: OldService, run_import: Run, report: Lines
) -> None:
    first = run_import(old_service)
    lines = report()
    User.objects.filter(pk=old_id("User", 1)).update(fullname="Changed here")
    rows = {model: list(model._default_manager.order_by("pk").values()) for model in SAME}

    again = run_import(old_service)

    for name, (read, imported, there, changed, refused) in again.items():
        assert (read, refused) == (first[name][0], first[name][4])
        assert (imported, there, changed) == (0, first[name][1], 0)
    assert {model: list(model._default_manager.order_by("pk").values()) for model in SAME} == rows
    assert report() == lines

    video = old_service.add("Video", 5000, views=7)
    playlist = old_id("Playlist", 1)
    old_service.add("PlaylistVideo", 5000, playlistId=playlist, videoId=video)
    old_service.add("User", 5000, username="Newcomer")
    third = run_import(old_service)

    assert [third[name][1] for name in ("User", "Video", "PlaylistVideo")] == [1, 1, 1]
    assert sum(imported for _, imported, *_ in third.values()) == 3
    entries = PlaylistVideo.objects.filter(playlist__pk=playlist)
    assert str(entries.latest("position").video_id) == video
    [added] = report()[len(lines) :]
    assert added["old"] == {"username": "Newcomer"}
