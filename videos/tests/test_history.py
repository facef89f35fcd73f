"""What somebody has watched: listing it, and forgetting it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from users.models import User
from users.tests.factories import UserFactory
from users.tests.queries import captured_queries
from videos.models import Video, ViewEvent, WatchHistory
from videos.tests.factories import VideoFactory
from videos.tests.hidden import HIDDEN, HIDDEN_WITH_OWNER
from viztube.api import shared
from viztube.api.tests.fixtures import Client
from viztube.api.tests.threads import at_once

pytestmark = pytest.mark.django_db

HISTORY = "user/watch-history"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOBODYS = "01a20b8b-9b77-7267-90d2-4b4b508e2e2e"


def watched(user: User, *videos: Video, at: datetime | None = None) -> None:
    """Put videos into a history, one after another or all at a time."""
    WatchHistory.objects.bulk_create(
        WatchHistory(user=user, video=video, watched_at=at or timezone.now()) for video in videos
    )


def ids(page: Any) -> list[str]:
    """Return the ids of a page's videos."""
    return [video["id"] for video in page]


def keys(videos: Any) -> list[str]:
    """Return the ids of rows as the wire has them."""
    return [str(video.pk) for video in videos]


class TestList:
    def test_what_was_watched_last_comes_first(self, user_client: Client) -> None:
        videos = VideoFactory.create_batch(3)
        for video in videos:
            user_client.get(f"videos/{video.pk}")

        assert ids(user_client.get(HISTORY).data) == keys(reversed(videos))

    def test_watching_again_moves_a_video_up(self, user_client: Client) -> None:
        first, second, third = VideoFactory.create_batch(3)
        for video in (first, second, third, first, first):
            user_client.get(f"videos/{video.pk}")

        assert ids(user_client.get(HISTORY).data) == keys([first, third, second])

    def test_it_is_a_list_of_videos_with_their_owners_and_counts(self, user_client: Client) -> None:
        video = VideoFactory.create(title="Seen", views=4)
        user_client.get(f"videos/{video.pk}")
        user_client.get(f"videos/{video.pk}")
        # In a list, views may be as late as what it remembers.
        shared.forget(shared.EVERYTHING)

        answer = user_client.get(HISTORY)

        (entry,) = answer.data
        assert (entry["title"], entry["views"]) == ("Seen", 6)
        assert (entry["likesCount"], entry["commentsCount"], entry["isLiked"]) == (0, 0, False)
        assert entry["user"]["username"] == video.user.username
        assert "email" not in entry["user"]
        assert answer.body["pagination"]["totalDocs"] == 1

    def test_nothing_watched_is_an_empty_list(self, user_client: Client) -> None:
        answer = user_client.get(HISTORY)

        assert (answer.status, answer.data) == (200, [])
        assert answer.body["pagination"] == {
            "page": 1,
            "limit": 50,
            "totalDocs": 0,
            "totalPages": 0,
            "hasNextPage": False,
            "hasPrevPage": False,
            "nextCursor": None,
        }

    @pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
    def test_what_is_no_watching_is_not_in_it(self, user_client: Client, method: str) -> None:
        video = VideoFactory.create()
        user_client.request(method, f"videos/{video.pk}")
        user_client.get("videos")

        assert user_client.get(HISTORY).data == []

    def test_it_is_only_ones_own(self, user_client: Client, stranger_client: Client) -> None:
        mine, theirs, common = VideoFactory.create_batch(3)
        for client, videos in ((user_client, (mine, common)), (stranger_client, (common, theirs))):
            for video in videos:
                client.get(f"videos/{video.pk}")

        assert ids(user_client.get(HISTORY).data) == keys([common, mine])
        assert ids(stranger_client.get(HISTORY).data) == keys([theirs, common])

    def test_without_a_limit_it_shows_fifty(self, user_client: Client, user: User) -> None:
        watched(user, *VideoFactory.create_batch(51))

        answer = user_client.get(HISTORY)

        assert len(answer.data) == 50
        assert answer.body["pagination"]["limit"] == 50
        assert answer.body["pagination"]["hasNextPage"] is True

    def test_pages_follow_each_other(self, user_client: Client, user: User) -> None:
        videos = VideoFactory.create_batch(5)
        for number, video in enumerate(videos):
            watched(user, video, at=NOON - timedelta(minutes=number))

        pages = [user_client.get(f"{HISTORY}?limit=2&page={page}") for page in range(1, 5)]

        assert [ids(page.data) for page in pages] == [
            keys(videos[:2]),
            keys(videos[2:4]),
            keys(videos[4:]),
            [],
        ]
        last = pages[2].body["pagination"]
        assert (last["totalDocs"], last["totalPages"]) == (5, 3)
        assert (last["hasNextPage"], last["hasPrevPage"]) == (False, True)

    def test_a_cursor_skips_and_repeats_nothing_where_times_are_equal(
        self, user_client: Client, user: User
    ) -> None:
        videos = VideoFactory.create_batch(7)
        watched(user, *videos, at=NOON)

        whole = ids(user_client.get(HISTORY).data)
        seen: list[str] = []
        query = "limit=2"
        for _ in range(4):
            page = user_client.get(f"{HISTORY}?{query}")
            seen += ids(page.data)
            query = f"limit=2&cursor={page.body['pagination']['nextCursor']}"

        assert seen == whole
        assert sorted(seen) == sorted(keys(videos))
        assert page.body["pagination"]["nextCursor"] is None

    def test_a_cursor_stays_where_it_was_when_more_is_watched(
        self, user_client: Client, user: User
    ) -> None:
        videos = VideoFactory.create_batch(4)
        for number, video in enumerate(videos):
            watched(user, video, at=NOON - timedelta(minutes=number))
        cursor = user_client.get(f"{HISTORY}?limit=2").body["pagination"]["nextCursor"]
        user_client.get(f"videos/{VideoFactory.create().pk}")

        assert ids(user_client.get(f"{HISTORY}?cursor={cursor}").data) == keys(videos[2:])

    @pytest.mark.parametrize("query", ["page=0", "limit=x", "cursor=abc"])
    def test_a_page_that_cannot_be_is_400(self, user_client: Client, query: str) -> None:
        answer = user_client.get(f"{HISTORY}?{query}")

        assert (answer.status, answer.code) == (400, "invalid")

    @pytest.mark.parametrize("hidden", HIDDEN)
    def test_what_is_hidden_by_now_is_left_out(
        self, user_client: Client, user: User, hidden: str
    ) -> None:
        shown, video = VideoFactory.create(), HIDDEN[hidden]()
        watched(user, shown, video)

        answer = user_client.get(HISTORY)

        assert ids(answer.data) == keys([shown])
        assert answer.body["pagination"]["totalDocs"] == 1
        # Forgotten it is not: it is there again once everyone may see it.
        assert WatchHistory.objects.filter(user=user, video=video).exists()

    @pytest.mark.parametrize("hidden", HIDDEN_WITH_OWNER)
    def test_its_owner_still_sees_it(
        self, client_for: Callable[[User], Client], hidden: str
    ) -> None:
        video = HIDDEN[hidden]()
        watched(video.user, video)

        assert ids(client_for(video.user).get(HISTORY).data) == keys([video])

    @pytest.mark.parametrize("hidden", HIDDEN)
    def test_staff_still_see_it(self, client_for: Callable[[User], Client], hidden: str) -> None:
        staff, video = UserFactory.create(is_staff=True), HIDDEN[hidden]()
        watched(staff, video)

        assert ids(client_for(staff).get(HISTORY).data) == keys([video])

    def test_a_deleted_video_is_gone(self, user_client: Client) -> None:
        video = VideoFactory.create()
        user_client.get(f"videos/{video.pk}")
        video.delete()

        assert user_client.get(HISTORY).data == []


class TestForget:
    def test_everything(self, user_client: Client, stranger_client: Client) -> None:
        videos = VideoFactory.create_batch(2)
        for client in (user_client, stranger_client):
            for video in videos:
                client.get(f"videos/{video.pk}")

        for _ in range(2):
            answer = user_client.delete(HISTORY)
            assert (answer.status, answer.data) == (200, {})

        assert user_client.get(HISTORY).data == []
        assert len(stranger_client.get(HISTORY).data) == 2
        # A view is a view, whether its viewer remembers it or not.
        assert ViewEvent.objects.count() == 4

    def test_one_video(self, user_client: Client, stranger_client: Client) -> None:
        kept, video = VideoFactory.create_batch(2)
        for client in (user_client, stranger_client):
            for one in (kept, video):
                client.get(f"videos/{one.pk}")

        for _ in range(2):
            answer = user_client.delete(f"{HISTORY}/{video.pk}")
            assert (answer.status, answer.data) == (200, {})

        assert ids(user_client.get(HISTORY).data) == keys([kept])
        assert ids(stranger_client.get(HISTORY).data) == keys([video, kept])

    @pytest.mark.parametrize("hidden", HIDDEN)
    def test_a_video_that_is_hidden_by_now(
        self, user_client: Client, user: User, hidden: str
    ) -> None:
        video = HIDDEN[hidden]()
        watched(user, video)

        # The same as for an id that never was: the answer tells nothing about what is hidden.
        answers = [user_client.delete(f"{HISTORY}/{one}") for one in (video.pk, NOBODYS)]

        assert [(answer.status, answer.data) for answer in answers] == [(200, {})] * 2
        assert not WatchHistory.objects.exists()

    @pytest.mark.parametrize("wrong", ["x", "123", "%00", f"{NOBODYS}0"])
    def test_a_malformed_id_is_404(self, user_client: Client, wrong: str) -> None:
        answer = user_client.delete(f"{HISTORY}/{wrong}")

        assert (answer.status, answer.code) == (404, "not_found")

    def test_watching_again_remembers_again(self, user_client: Client) -> None:
        video = VideoFactory.create()
        user_client.get(f"videos/{video.pk}")
        user_client.delete(HISTORY)
        user_client.get(f"videos/{video.pk}")

        assert ids(user_client.get(HISTORY).data) == keys([video])


@pytest.mark.parametrize(
    ("method", "path"), [("GET", HISTORY), ("DELETE", HISTORY), ("DELETE", f"{HISTORY}/{NOBODYS}")]
)
def test_signed_out_is_401(api: Client, method: str, path: str) -> None:
    answer = api.request(method, path)

    assert (answer.status, answer.code) == (401, "not_authenticated")


@pytest.mark.parametrize("rows", [1, 50])
def test_it_costs_one_the_caller_and_what_is_not_remembered(
    user_client: Client, user: User, rows: int
) -> None:
    videos = VideoFactory.create_batch(rows + 1)
    watched(user, *videos)
    for video in videos:
        ViewEvent.objects.create(video=video)
    with captured_queries() as statements:
        first = user_client.get(f"{HISTORY}?limit=1")

    # The caller with the session; the page with the number of all; what is shown of its video.
    assert len(first.data) == 1
    assert len(statements) == 3, statements

    cursor = first.body["pagination"]["nextCursor"]
    for query in (f"limit=100&cursor={cursor}", f"limit={rows}&page=1"):
        shared.forget(shared.EVERYTHING)
        # The page; what is shown of all its videos, unless somebody asked a moment ago.
        for cost in (2, 1, 1):
            with captured_queries() as statements:
                page = user_client.get(f"{HISTORY}?{query}").data

            assert len(page) == rows
            assert len(statements) == cost, statements
            assert not [text for text in statements if '"search"' in text], statements


@pytest.mark.parametrize("path", [HISTORY, f"{HISTORY}/{NOBODYS}"])
def test_forgetting_costs_one_and_the_caller(user_client: Client, user: User, path: str) -> None:
    watched(user, *VideoFactory.create_batch(20))
    with captured_queries() as statements:
        user_client.delete(path)

    # The caller with the session; deleting.
    assert len(statements) == 2, statements


@pytest.mark.django_db(transaction=True)
def test_watching_at_the_same_moment_is_one_entry(user_client: Client) -> None:
    video = VideoFactory.create()

    answers = at_once([lambda: user_client.get(f"videos/{video.pk}")] * 12, threads=3)

    assert [answer.status for answer in answers] == [200] * 12
    assert WatchHistory.objects.count() == 1
    assert ids(user_client.get(HISTORY).data) == keys([video])


@pytest.mark.django_db(transaction=True)
def test_watching_while_it_is_forgotten_is_no_error(user_client: Client) -> None:
    videos = VideoFactory.create_batch(4)
    watch = [lambda video=video: user_client.get(f"videos/{video.pk}") for video in videos]
    forget = [
        lambda: user_client.delete(HISTORY),
        *(lambda video=video: user_client.delete(f"{HISTORY}/{video.pk}") for video in videos),
    ]

    answers = at_once([*watch, *forget, *reversed(watch), *forget, *watch], threads=3)

    assert {answer.status for answer in answers} == {200}
    remembered = ids(user_client.get(HISTORY).data)
    assert len(remembered) == len(set(remembered)) <= 4
