"""Demo data: the same rows for the same arguments, exactly as many as asked for, and playable."""

from collections.abc import Callable
from io import StringIO
from time import monotonic
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, models, transaction
from django.db.models import F, Sum

from dashboard.services.seeding import Amounts, clips, texts
from dashboard.services.seeding.timeline import END
from social.models import Comment, Like, Playlist, PlaylistVideo, Subscription, Tweet
from users.models import User
from videos.models import DailyViews, Video, WatchHistory
from videos.tests.factories import VideoFactory
from viztube.api.tests.fixtures import Client
from viztube.media.commands import CommandFailed
from viztube.media.tests.fixtures import picture

pytestmark = pytest.mark.django_db

PASSWORD = "seeded password 17"
AMOUNTS = {
    "users": 12,
    "videos": 40,
    "comments": 70,
    "likes": 150,
    "subscriptions": 60,
    "tweets": 30,
    "playlists": 6,
    "playlist_videos": 80,
    "history": 90,
}
TABLES: dict[str, type[models.Model]] = {
    "users": User,
    "videos": Video,
    "comments": Comment,
    "likes": Like,
    "subscriptions": Subscription,
    "tweets": Tweet,
    "playlists": Playlist,
    "playlist_videos": PlaylistVideo,
    "history": WatchHistory,
}
ALL_TABLES = TABLES | {"daily views": DailyViews}


@pytest.fixture(autouse=True)
def small_clips(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.DEBUG = True
    monkeypatch.setattr(clips, "CLIPS", (("testsrc2=size=64x48:rate=5", 440, 1),))


def seed(**options: Any) -> None:
    call_command("seed_demo", **{**AMOUNTS, "password": PASSWORD, **options})


def rows() -> dict[str, list[Any]]:
    """Return all that was seeded, but for the salted hash and the numbers of days."""
    found = {}
    for name, model in ALL_TABLES.items():
        fields = [
            field.attname
            for field in model._meta.concrete_fields
            if field.name not in {"password", "search"} and not isinstance(field, models.AutoField)
        ]
        found[name] = sorted(model._default_manager.values_list(*fields), key=repr)
    return found


def seeded_and_undone(**options: Any) -> dict[str, list[Any]]:
    with transaction.atomic():
        seed(**options)
        found = rows()
        transaction.set_rollback(True)
    return found


def test_the_same_arguments_give_the_same_rows() -> None:
    first = seeded_and_undone()

    assert seeded_and_undone() == first
    assert seeded_and_undone(seed=1) == first
    other = seeded_and_undone(seed=2)
    assert all(other[name] != first[name] for name in first)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"likes": 12 * 40, "subscriptions": 12 * 11, "history": 12 * 40, "playlist_videos": 240},
        {"likes": 12 * 40 - 1, "subscriptions": 12 * 11 - 1, "playlist_videos": 239},
        {"videos": 0, "comments": 0, "likes": 0, "history": 0, "playlist_videos": 0},
        dict.fromkeys(AMOUNTS, 0) | {"users": 1},
        dict.fromkeys(AMOUNTS, 1) | {"users": 2},
    ],
    ids=["some", "all there can be", "nearly all", "no videos", "only a user", "one of each"],
)
def test_as_many_rows_as_asked_for(change: dict[str, int]) -> None:
    seed(**change)

    made = {name: model._default_manager.count() for name, model in TABLES.items()}
    assert made == AMOUNTS | change


def test_days_add_up_to_views() -> None:
    seed(videos=300)

    totals = dict(DailyViews.objects.values_list("video").annotate(Sum("views")))
    assert totals == {video.pk: video.views for video in Video.objects.filter(views__gt=0)}
    assert min(Video.objects.values_list("views", flat=True)) >= 0


def test_nothing_comes_before_what_it_belongs_to() -> None:
    seed()

    assert not Video.objects.filter(created_at__lt=F("user__created_at")).exists()
    assert not Comment.objects.filter(created_at__lt=F("video__created_at")).exists()
    assert not Like.objects.filter(created_at__lt=F("video__created_at")).exists()
    assert not WatchHistory.objects.filter(watched_at__lt=F("video__created_at")).exists()
    assert not DailyViews.objects.filter(day__lt=F("video__created_at__date")).exists()
    # And nothing after the moment up to which all of it reaches.
    assert not DailyViews.objects.filter(day__gte=END).exists()
    assert not Comment.objects.filter(created_at__gte=END).exists()


def test_ids_are_version_7_and_tell_the_time() -> None:
    seed()

    for like in [*Like.objects.all(), *Subscription.objects.all(), *Video.objects.all()]:
        assert (like.pk.version, like.pk.variant) == (7, "specified in RFC 4122")
        assert like.pk.int >> 80 == int(like.created_at.timestamp() * 1000)


def test_a_few_have_most() -> None:
    seed(users=50, videos=500, likes=2000)

    likes = sorted((video.likes.count() for video in Video.objects.all()), reverse=True)
    assert sum(likes[:50]) > 2000 * 0.4
    assert User.objects.get(username="user001").videos.count() > 500 * 0.2
    avatars = list(User.objects.values_list("avatar", flat=True))
    assert 0 < avatars.count("") < 50


def test_everyone_signs_in_with_the_password(api: Client) -> None:
    seed()

    for name in ("user001", "user012"):
        answer = api.post("user/login", {"username": name, "password": PASSWORD})
        assert answer.data["user"]["email"] == f"{name}@viztube.example"


def test_names_get_wider_with_many_people(capsys: pytest.CaptureFixture[str]) -> None:
    seed(**dict.fromkeys(AMOUNTS, 0) | {"users": 1000})

    names = sorted(User.objects.values_list("username", flat=True))
    assert (names[0], names[-1]) == ("user0001", "user1000")
    assert "Sign in as user0001 " in capsys.readouterr().out
    with pytest.raises(CommandError, match=r"^There are seeded users already \(user0001\)"):
        seed()


def test_videos_play_and_show_what_they_are(api: Client) -> None:
    seed()

    for row in api.get("videos").data["docs"]:
        assert row["duration"] == pytest.approx(1, abs=0.2)
        assert (row["width"], row["height"]) == (64, 48)
        assert api.get(row["videoFileUrl"]).response["Content-Type"] == "video/mp4"
        assert api.get(row["thumbnailUrl"]).response["Content-Type"] == "image/jpeg"
        assert row["user"]["avatar"] == "" or api.get(row["user"]["avatar"]).status == 200


def test_what_happens_to_one_video_leaves_the_clip_to_the_others(
    client_for: Callable[[User], Client],
    run_jobs: Callable[[], list[str]],
    stored_files: Callable[[], set[str]],
) -> None:
    seed()
    files = stored_files()
    user = User.objects.exclude(avatar="").filter(videos__is_published=True).first()
    assert user is not None
    client = client_for(user)
    video = user.videos.filter(is_published=True)[0]

    hidden = client.patch(f"videos/{video.pk}", {"isPublished": False}).data
    assert client.get(hidden["videoFileUrl"]).status == 200
    assert client.patch(f"videos/{video.pk}", {"isPublished": True}).status == 200
    assert client.delete(f"videos/{video.pk}").status == 200
    face = {"avatar": picture()}
    assert client.patch("user/update-avatar", face).data["avatar"]
    run_jobs()

    assert not Video.objects.filter(pk=video.pk).exists()
    assert files < stored_files()


def test_a_second_set_uses_the_clips_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    seeded_and_undone()
    monkeypatch.setattr(clips, "generate_clip", None)

    assert seeded_and_undone(seed=2)["videos"]


def test_seeded_users_are_not_mixed_with_others() -> None:
    seed()
    before = rows()
    # However wide their names would be.
    for users in (12, 2000):
        with pytest.raises(CommandError, match=r"^There are seeded users already \(user001\)"):
            seed(users=users)

    assert rows() == before


def test_a_taken_address_is_told_before_anything_is_made(
    stored_files: Callable[[], set[str]],
) -> None:
    User.objects.create_user("somebody", "user007@viztube.example", PASSWORD)
    with pytest.raises(CommandError, match=r"^There are seeded users already \(somebody\)"):
        seed()

    assert stored_files() == set()


def test_other_people_are_in_nobodys_way() -> None:
    User.objects.create_user("user01", "user01@viztube.example", PASSWORD)
    seed()

    assert User.objects.count() == AMOUNTS["users"] + 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"users": 0}, r"^At least one user is needed"),
        ({"users": -3}, r"^At least one user is needed"),
        ({"tweets": -1}, r"^--tweets cannot be below 0\.$"),
        ({"likes": 481}, r"^--likes can be 480 at most: each user can like"),
        ({"history": 481}, r"^--history can be 480 at most: each user"),
        ({"subscriptions": 133}, r"^--subscriptions can be 132 at most: each user"),
        ({"playlist_videos": 241}, r"^--playlist-videos can be 240 at most: a playlist"),
        ({"videos": 0}, r"^--comments can be 0 at most: there are no videos\.$"),
        ({"password": "1234567"}, r"^The password must have 8 to 128 characters\.$"),
        ({"password": "x" * 129}, r"^The password must have 8 to 128 characters\.$"),
    ],
)
def test_what_cannot_exist_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        seed(**change)

    assert not User.objects.exists()


def test_production_is_left_alone_without_force(settings: Any) -> None:
    settings.DEBUG = False
    with pytest.raises(CommandError, match=r"^DEBUG is off, .* --force"):
        seed()
    assert not User.objects.exists()

    seed(force=True)
    assert User.objects.count() == AMOUNTS["users"]


def test_a_run_that_fails_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, stored_files: Callable[[], set[str]]
) -> None:
    monkeypatch.setattr(texts, "tweet", lambda random: " ")
    with pytest.raises(IntegrityError, match="social_tweet_content_not_blank"):
        seed()

    assert not any(rows().values())
    assert stored_files() == set()


def test_a_failed_run_leaves_the_clips_of_others(
    monkeypatch: pytest.MonkeyPatch, stored_files: Callable[[], set[str]]
) -> None:
    seed()
    files = stored_files()
    User.objects.all().delete()
    monkeypatch.setattr(texts, "tweet", lambda random: " ")
    with pytest.raises(IntegrityError):
        seed()

    assert stored_files() == files


def test_clips_that_cannot_be_made_are_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise CommandFailed("ffmpeg", "timed out")

    monkeypatch.setattr(clips, "generate_clip", fail)
    with pytest.raises(CommandError, match=r"^The clips .* \(ffmpeg: timed out\): check that"):
        seed()


def test_the_planner_knows_what_was_seeded() -> None:
    seed()
    with connection.cursor() as cursor:
        for model in ALL_TABLES.values():
            table = model._meta.db_table
            cursor.execute("SELECT reltuples FROM pg_class WHERE relname = %s", [table])
            assert cursor.fetchone()[0] == model._default_manager.count(), table


def test_what_rows_refer_to_is_looked_up_by_its_index_whatever_came_before() -> None:
    # PostgreSQL remembers how it looked for somebody when there was hardly anyone: by reading all.
    for _ in range(2):
        VideoFactory.create_batch(10)
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {User._meta.db_table}")
        connection.check_constraints()
    before = rows_read_through(User)
    seed(users=1000, videos=1000, comments=1000)

    assert rows_read_through(User) - before < 20 * 1000


def rows_read_through(model: type[models.Model]) -> int:
    """Return how many rows this transaction has read by going through a whole table."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_stat_get_xact_tuples_returned(%s::regclass)", [model._meta.db_table]
        )
        (number,) = cursor.fetchone()
    return int(number)


def test_it_says_what_it_made_and_nothing_more(capsys: pytest.CaptureFixture[str]) -> None:
    seed()

    said = capsys.readouterr()
    assert said.out.split()[:4] == ["12", "users", "40", "videos"]
    assert f"Sign in as user001 (or any other of them), password {PASSWORD}" in said.out
    # Progress is for terminals.
    assert said.err == ""


def test_a_terminal_sees_the_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stderr", terminal)
    seed()

    said = terminal.getvalue()
    assert "videos: 100%" in said
    assert "40/40" in said


def test_help_tells_every_option_and_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("seed_demo", "--help")

    assert ended.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    for name in AMOUNTS:
        assert f"--{name.replace('_', '-')} N number of " in said
        assert f"(default: {getattr(Amounts(), name)})" in said
    for option in ("--seed N", "--password PASSWORD", "--force"):
        assert option in said


@pytest.mark.slow
def test_a_thousand_videos_take_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    start = monotonic()
    call_command("seed_demo")

    assert Video.objects.count() == 1000
    assert monotonic() - start < 60
