"""The demo: an account and playable videos in an empty database."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client as DjangoClient

from dashboard.services import demo
from dashboard.services.clips import generate_clip
from social.models import Case
from users.models import User
from users.tests.factories import UserFactory
from videos.models import Video
from viztube.api.tests.fixtures import Client
from viztube.media.commands import CommandFailed

pytestmark = pytest.mark.django_db

PASSWORD = "demo password 17"


@pytest.fixture(autouse=True)
def short_videos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "SECONDS", 1)
    monkeypatch.setenv("DEMO_PASSWORD", PASSWORD)


def test_an_empty_database_gets_an_account_and_videos_that_play(
    api: Client, capsys: pytest.CaptureFixture[str], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        call_command("create_demo")

    said = capsys.readouterr()
    assert said.out == f"Demo login: demo, password {PASSWORD} (staff)\n"
    assert said.err.count("Making demo video") == len(demo.VIDEOS)
    answer = api.post("user/login", {"username": "demo", "password": PASSWORD})
    assert answer.data["user"]["username"] == "demo"
    assert DjangoClient().login(username="demo", password=PASSWORD)
    rows = api.get("videos").data["docs"]
    assert {row["title"] for row in rows} == {title for title, *_ in demo.VIDEOS}
    for row in rows:
        assert row["duration"] == pytest.approx(1, abs=0.2)
        assert (row["width"], row["height"]) in {(854, 480), (852, 480)}
        for address in (row["videoFileUrl"], row["thumbnailUrl"]):
            assert api.get(address).status == 200


def test_staff_have_a_case_to_decide(django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        call_command("create_demo")

    case = Case.objects.open().get()
    assert (case.target_type, case.excerpt) == ("comment", demo.REPORTED[1])
    assert case.owner.username == demo.VISITOR
    assert not case.owner.has_usable_password()
    assert case.reports.get().reporter.username == demo.DEMO_USERNAME


def test_the_demo_account_is_staff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "VIDEOS", ())
    call_command("create_demo")

    user = User.objects.get()
    assert (user.is_staff, user.is_superuser) == (True, True)


def test_nothing_happens_when_there_are_accounts(capsys: pytest.CaptureFixture[str]) -> None:
    UserFactory.create()
    call_command("create_demo")

    assert User.objects.count() == 1
    assert not Video.objects.exists()
    assert capsys.readouterr().out == ""


def test_the_login_is_said_again_while_it_works(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "VIDEOS", ())
    for _ in range(2):
        call_command("create_demo")
    assert capsys.readouterr().out.count("Demo login") == 2

    user = User.objects.get()
    user.set_password("another one 18")
    user.save()
    call_command("create_demo")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("password", ["", "short", "  spaced  "])
def test_a_short_password_is_refused_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    monkeypatch.setenv("DEMO_PASSWORD", password)

    with pytest.raises(CommandError, match=r"^Set DEMO_PASSWORD to a password of at least 8"):
        call_command("create_demo")
    assert not User.objects.exists()


def test_a_demo_that_fails_half_way_is_made_anew_the_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = ("testsrc2=size=64x48:rate=5", 440)
    monkeypatch.setattr(demo, "VIDEOS", (("One", "", *small), ("Two", "", *small)))
    calls = []

    def fail_at_the_second(*args: Any, **kwargs: Any) -> None:
        calls.append(args)
        if len(calls) == 2:
            raise CommandFailed("ffmpeg", "timed out")
        generate_clip(*args, **kwargs)

    monkeypatch.setattr("dashboard.services.demo.generate_clip", fail_at_the_second)
    with pytest.raises(CommandFailed):
        call_command("create_demo")
    assert not User.objects.exists()
    assert not Video.objects.exists()

    call_command("create_demo")
    assert Video.objects.count() == len(demo.VIDEOS)


def test_help_says_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("create_demo", "--help")

    assert ended.value.code == 0
    assert "DEMO_PASSWORD" in capsys.readouterr().out
