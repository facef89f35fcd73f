"""Which periods one's figures are of: parameters, their defaults and errors, boundaries in UTC."""

from datetime import date, timedelta
from types import SimpleNamespace

import pytest

from dashboard import serializers
from dashboard.tests.moments import at, dated, seen
from social.tests.factories import CommentFactory, LikeFactory, SubscriptionFactory
from users.models import User
from videos.models import DailyViews, Video
from videos.tests.factories import VideoFactory
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db


@pytest.fixture
def video(user: User) -> Video:
    return VideoFactory.create(user=user)


@pytest.fixture
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be the last moment of the 15th of March 2026, a Sunday."""
    clock = SimpleNamespace(now=lambda: at("2026-03-15 23:59:59.999999"))
    monkeypatch.setattr(serializers, "timezone", clock)


def dates(client: Client, query: str) -> list[str]:
    return [row["date"] for row in client.get(f"dashboard/analytics?{query}").data["points"]]


def figures(client: Client, query: str, column: str) -> dict[str, int]:
    """Return the periods in which something happened, and how often."""
    rows = client.get(f"dashboard/analytics?{query}").data["points"]
    return {row["date"]: row[column] for row in rows if row[column]}


def days(first: str, number: int, step: int = 1) -> list[str]:
    start = date.fromisoformat(first)
    return [str(start + timedelta(days=step * one)) for one in range(number)]


@pytest.mark.usefixtures("_today")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", days("2026-02-14", 30)),
        ("from=&to=&interval=", days("2026-02-14", 30)),
        ("interval=week", days("2026-02-09", 5, 7)),
        ("interval=month", ["2026-02-01", "2026-03-01"]),
        ("from=2026-03-14", ["2026-03-14", "2026-03-15"]),
        ("from=2026-03-15", ["2026-03-15"]),
        ("to=2026-01-31", days("2026-01-02", 30)),
        ("to=2026-03-20", days("2026-02-19", 30)),
        ("to=2024-03-01&from=&interval=day", days("2024-02-01", 30)),
    ],
)
def test_the_default_is_thirty_days_up_to_today(
    user_client: Client, query: str, expected: list[str]
) -> None:
    assert dates(user_client, query) == expected


def test_today_is_that_of_utc(user_client: Client, video: Video) -> None:
    user_client.get(f"videos/{video.pk}")
    last = user_client.get("dashboard/analytics").data["points"][-1]

    assert last["views"] == 1


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        # One day; both ends are included.
        ("from=2026-01-31&to=2026-01-31", ["2026-01-31"]),
        # A leap day, and a February without one.
        ("from=2024-02-28&to=2024-03-01", ["2024-02-28", "2024-02-29", "2024-03-01"]),
        ("from=2023-02-28&to=2023-03-01", ["2023-02-28", "2023-03-01"]),
        # Weeks from Monday to Sunday, across a new year: one of 53 weeks, one of 52.
        ("interval=week&from=2026-12-31&to=2027-01-01", ["2026-12-28"]),
        ("interval=week&from=2027-01-03&to=2027-01-04", ["2026-12-28", "2027-01-04"]),
        ("interval=week&from=2025-12-28&to=2025-12-29", ["2025-12-22", "2025-12-29"]),
        # Months of every length.
        ("interval=month&from=2026-01-31&to=2026-02-01", ["2026-01-01", "2026-02-01"]),
        (
            "interval=month&from=2023-11-30&to=2024-03-31",
            ["2023-11-01", "2023-12-01", "2024-01-01", "2024-02-01", "2024-03-01"],
        ),
    ],
)
def test_periods_are_whole(user_client: Client, query: str, expected: list[str]) -> None:
    assert dates(user_client, query) == expected


EDGES = (
    "2025-12-31 23:59:59.999999",
    "2026-01-01 00:00",
    "2026-01-31 23:59:59.999999",
    "2026-02-01 00:00",
)


@pytest.mark.parametrize("column", ["views", "subscribers", "likes", "comments"])
@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ("day", {"2026-01-01": 1, "2026-01-31": 1}),
        # 2025-12-29 is the Monday before; 2026-02-01 is a Sunday.
        ("week", {"2025-12-29": 2, "2026-01-26": 2}),
        ("month", {"2026-01-01": 2}),
    ],
)
def test_a_day_is_from_midnight_to_midnight_utc(
    user_client: Client, video: Video, column: str, interval: str, expected: dict[str, int]
) -> None:
    for edge in EDGES:
        match column:
            case "views":
                seen(video, edge)
            case "subscribers":
                dated(SubscriptionFactory.create(channel=video.user), edge)
            case "likes":
                dated(LikeFactory.create(video=video), edge)
            case "comments":
                dated(CommentFactory.create(video=video), edge)

    query = f"from=2026-01-01&to=2026-01-31&interval={interval}"
    assert figures(user_client, query, column) == expected


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ("day", {"2024-02-28": 1, "2024-02-29": 10, "2024-03-01": 100}),
        ("week", {"2024-02-26": 1111}),
        ("month", {"2024-02-01": 11, "2024-03-01": 1100}),
    ],
)
def test_folded_views_are_of_their_day(
    user_client: Client, video: Video, interval: str, expected: dict[str, int]
) -> None:
    for day, views in (("02-28", 1), ("02-29", 10), ("03-01", 100), ("03-03", 1000)):
        DailyViews.objects.create(video=video, day=f"2024-{day}", views=views)
    DailyViews.objects.create(video=video, day="2024-04-01", views=10_000)

    query = f"from=2024-02-28&to=2024-03-01&interval={interval}"
    assert figures(user_client, query, "views") == expected


@pytest.mark.usefixtures("_today")
@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("from=abc", "from: must be a date like 2026-01-31"),
        ("to=2026-02-30", "to: must be a date like 2026-01-31"),
        ("to=2023-02-29", "to: must be a date like 2026-01-31"),
        ("to=2026-1-5", "to: must be a date like 2026-01-31"),
        ("to=20260105", "to: must be a date like 2026-01-31"),
        ("to=2026-W01-1", "to: must be a date like 2026-01-31"),
        ("to=2026-01-05T00:00:00Z", "to: must be a date like 2026-01-31"),
        ("to=%202026-01-05", "to: must be a date like 2026-01-31"),
        ("to=2026-01-05%0A", "to: must be a date like 2026-01-31"),
        ("to=2026-01-05%00", "to: must be a date like 2026-01-31"),
        ("to=%00", "to: must be a date like 2026-01-31"),
        ("to=%FF", "to: must be a date like 2026-01-31"),
        # Digits of another alphabet, which Python reads too.
        ("to=2026-01-0%D9%A5", "to: must be a date like 2026-01-31"),
        ("to=0000-01-01", "to: must be a date like 2026-01-31"),
        ("to=10000-01-01", "to: must be a date like 2026-01-31"),
        ("to=-2026-01-01", "to: must be a date like 2026-01-31"),
        ("to=" + "9" * 5000, "to: must be a date like 2026-01-31"),
        ("from=0001-01-01", "from: must be in the years 1970 to 2999"),
        ("from=1969-12-31", "from: must be in the years 1970 to 2999"),
        ("to=0001-01-01&interval=week", "to: must be in the years 1970 to 2999"),
        ("to=3000-01-01", "to: must be in the years 1970 to 2999"),
        ("from=9999-12-31", "from: must be in the years 1970 to 2999"),
        (
            "from=2026-01-02&to=2026-01-01",
            "from: must not be after `to`, which is today unless it is given",
        ),
        ("from=2026-03-16", "from: must not be after `to`, which is today unless it is given"),
        (
            "from=2026-03-10&to=2026-03-09&interval=month",
            "from: must not be after `to`, which is today unless it is given",
        ),
        ("from=2023-04-06&to=2025-12-31", "from: is too early: at most 1,000 days at once"),
        (
            "from=2000-01-02&to=2019-02-25&interval=week",
            "from: is too early: at most 1,000 weeks at once",
        ),
        (
            "from=1970-01-31&to=2053-05-01&interval=month",
            "from: is too early: at most 1,000 months at once",
        ),
        ("from=1970-01-01&to=2999-12-31", "from: is too early: at most 1,000 days at once"),
        ("interval=year", "interval: must be one of day, week, month"),
        ("interval=Day", "interval: must be one of day, week, month"),
        ("interval=day%00", "interval: must be one of day, week, month"),
        ("interval=%20", "interval: must be one of day, week, month"),
        ("interval=week&interval=hour", "interval: must be one of day, week, month"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_400_and_named(
    user_client: Client, query: str, message: str
) -> None:
    answer = user_client.get(f"dashboard/analytics?{query}")

    assert (answer.status, answer.code) == (400, "invalid")
    assert answer.body["errors"][0] == message
    assert list(answer.body["details"]) == [message.partition(":")[0]]


def test_every_parameter_that_makes_no_sense_is_named(user_client: Client) -> None:
    answer = user_client.get("dashboard/analytics?from=a&to=b&interval=c")

    assert set(answer.body["details"]) == {"from", "to", "interval"}


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("from=2023-04-07&to=2025-12-31", "2023-04-07", "2025-12-31"),
        ("from=2000-01-03&to=2019-03-03&interval=week", "2000-01-03", "2019-02-25"),
        ("from=1970-01-31&to=2053-04-30&interval=month", "1970-01-01", "2053-04-01"),
    ],
)
def test_a_thousand_points_are_the_most(
    user_client: Client, query: str, first: str, last: str
) -> None:
    found = dates(user_client, query)

    assert (len(found), found[0], found[-1]) == (1000, first, last)


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("to=1970-01-01", "1969-12-03", "1970-01-01"),
        ("to=1970-01-01&interval=week", "1969-12-01", "1969-12-29"),
        ("to=1970-01-01&interval=month", "1969-12-01", "1970-01-01"),
        ("from=2999-12-31&to=2999-12-31", "2999-12-31", "2999-12-31"),
        ("from=2999-12-31&to=2999-12-31&interval=week", "2999-12-30", "2999-12-30"),
        ("from=2999-12-31&to=2999-12-31&interval=month", "2999-12-01", "2999-12-01"),
    ],
)
def test_the_first_and_the_last_years_have_figures(
    user_client: Client, query: str, first: str, last: str
) -> None:
    found = dates(user_client, query)

    assert (found[0], found[-1]) == (first, last)
