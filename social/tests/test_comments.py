"""Comments through HTTP."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from social.models import COMMENT_LENGTH, Comment, Like
from social.tests.factories import CommentFactory, LikeFactory
from social.tests.texts import REFUSED, TAKEN
from users.models import User
from users.tests.factories import UserFactory
from videos.models import Video
from videos.tests.factories import VideoFactory
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def video(db: None) -> Video:
    return VideoFactory.create()


def test_a_comment_comes_back_as_it_was_stored(
    user: User, user_client: Client, video: Video
) -> None:
    answer = user_client.post(f"comments/{video.pk}", {"content": "Well made."})

    assert (answer.status, answer.body["message"]) == (201, "Comment added.")
    row = Comment.objects.get()
    assert (row.user, row.video, row.content) == (user, video, "Well made.")
    data = dict(answer.data)
    assert data.pop("createdAt") == data.pop("updatedAt")
    assert data == {
        "id": str(row.pk),
        "content": "Well made.",
        "userId": str(user.pk),
        "videoId": str(video.pk),
    }


@pytest.mark.parametrize("sent", TAKEN, ids=range(len(TAKEN)))
def test_any_text_is_kept_but_for_white_space_around_it(
    user_client: Client, video: Video, sent: str
) -> None:
    created = user_client.post(f"comments/{video.pk}", {"content": sent})
    changed = user_client.patch(f"comments/c/{created.data['id']}", {"content": sent * 2})

    assert created.data["content"] == TAKEN[sent]
    assert changed.data["content"] == Comment.objects.get().content == (sent * 2).strip()


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_text_is_refused(
    user: User, user_client: Client, video: Video, kind: str
) -> None:
    comment = CommentFactory.create(user=user, video=video, content="Before")
    for answer in (
        user_client.post(f"comments/{video.pk}", REFUSED[kind]),
        user_client.patch(f"comments/c/{comment.pk}", REFUSED[kind]),
    ):
        assert (answer.status, answer.code) == (400, "invalid")
        assert list(answer.body["details"]) == ["content"]

    assert Comment.objects.get().content == "Before"


def test_the_limit_counts_characters_after_trimming(user_client: Client, video: Video) -> None:
    longest = "\U0001f600" * COMMENT_LENGTH
    assert user_client.post(f"comments/{video.pk}", {"content": f" {longest} "}).status == 201
    answer = user_client.post(f"comments/{video.pk}", {"content": longest + "."})

    assert (answer.status, list(answer.body["details"])) == (400, ["content"])
    assert Comment.objects.get().content == longest


@pytest.mark.parametrize(
    "body",
    [
        {"userId": "01890000-0000-7000-8000-000000000000"},
        {"user": "01890000-0000-7000-8000-000000000000", "id": str(uuid4())},
        {"videoId": "01890000-0000-7000-8000-000000000000"},
        {"likesCount": 99, "createdAt": "2001-01-01T00:00:00.000Z", "removedAt": None},
    ],
    ids=["userId", "user", "videoId", "counters"],
)
def test_a_body_sets_the_text_alone(
    user: User, user_client: Client, video: Video, body: dict[str, Any]
) -> None:
    created = user_client.post(f"comments/{video.pk}", {"content": "Mine", **body})
    changed = user_client.patch(f"comments/c/{created.data['id']}", {"content": "Still", **body})

    assert changed.status == 200
    row = Comment.objects.get()
    assert (str(row.pk), row.user, row.video) == (created.data["id"], user, video)
    assert row.created_at.year > 2001
    (listed,) = user_client.get(f"comments/{video.pk}").data
    assert listed["likesCount"] == 0


def test_a_row_of_the_list(user: User, user_client: Client, api: Client, video: Video) -> None:
    writer = UserFactory.create(avatar="p/" + "0" * 32 + "/avatar.jpg")
    comment = CommentFactory.create(user=writer, video=video, content="Seen twice.")
    LikeFactory.create(comment=comment)
    LikeFactory.create(comment=comment, user=user)
    (row,) = user_client.get(f"comments/{video.pk}").data

    assert row == {
        "id": str(comment.pk),
        "content": "Seen twice.",
        "userId": str(writer.pk),
        "videoId": str(video.pk),
        "createdAt": row["createdAt"],
        "updatedAt": row["updatedAt"],
        "user": {
            "id": str(writer.pk),
            "username": writer.username,
            "fullname": writer.fullname,
            "avatar": row["user"]["avatar"],
        },
        "likesCount": 2,
        "isLiked": True,
    }
    assert row["user"]["avatar"].endswith(writer.avatar)
    assert api.get(f"comments/{video.pk}").data[0]["isLiked"] is None


def test_the_latest_come_first_by_page_and_by_cursor(api: Client, video: Video) -> None:
    comments = CommentFactory.create_batch(23, video=video)
    CommentFactory.create()
    for number, comment in enumerate(comments):
        # Several at the same moment: then the id decides.
        time = NOON + timedelta(seconds=number // 3)
        Comment.objects.filter(pk=comment.pk).update(created_at=time)
    expected = [
        str(pk) for pk in video.comments.order_by("-created_at", "-pk").values_list("pk", flat=True)
    ]
    first = api.get(f"comments/{video.pk}")

    assert first.body["pagination"] == {
        "page": 1,
        "limit": 10,
        "totalDocs": 23,
        "totalPages": 3,
        "hasNextPage": True,
        "hasPrevPage": False,
        "nextCursor": first.body["pagination"]["nextCursor"],
    }
    by_page = [
        row["id"] for page in (1, 2, 3) for row in api.get(f"comments/{video.pk}?page={page}").data
    ]
    by_cursor, answer = [row["id"] for row in first.data], first
    while cursor := answer.body["pagination"]["nextCursor"]:
        answer = api.get(f"comments/{video.pk}?cursor={cursor}")
        by_cursor += [row["id"] for row in answer.data]
    assert by_page == by_cursor == expected


@pytest.mark.parametrize("query", ["page=0", "page=abc", "limit=-5", "limit=2.5", "cursor=none"])
def test_a_bad_page_is_refused(api: Client, video: Video, query: str) -> None:
    CommentFactory.create(video=video)
    answer = api.get(f"comments/{video.pk}?{query}")

    assert (answer.status, answer.code) == (400, "invalid")


def test_a_video_without_comments_has_an_empty_list(api: Client, video: Video) -> None:
    assert api.get(f"comments/{video.pk}").data == []
    assert api.get(f"comments/{video.pk}?page=7").data == []


@pytest.mark.parametrize("key", ["01890000-0000-7000-8000-000000000000", "not-an-id", "%00", "7"])
def test_what_is_not_there_is_404(user_client: Client, key: str) -> None:
    for answer in (
        user_client.get(f"comments/{key}"),
        user_client.post(f"comments/{key}", {"content": "To nobody"}),
        user_client.patch(f"comments/c/{key}", {"content": "Nothing"}),
        user_client.delete(f"comments/c/{key}"),
    ):
        assert (answer.status, answer.code) == (404, "not_found")


def test_an_edit_changes_text_and_time_alone(user: User, user_client: Client) -> None:
    comment = CommentFactory.create(user=user, content="Before")
    Comment.objects.update(created_at=NOON, updated_at=NOON)
    answer = user_client.patch(f"comments/c/{comment.pk}", {"content": "After"})

    assert (answer.status, answer.body["message"]) == (200, "Comment changed.")
    assert answer.data["content"] == "After"
    assert answer.data["createdAt"] == "2026-01-01T12:00:00.000Z" != answer.data["updatedAt"]
    row = Comment.objects.get()
    assert (row.content, row.created_at) == ("After", NOON)
    assert row.updated_at > NOON


def test_an_edit_leaves_everything_else_alone(user: User, user_client: Client) -> None:
    comment, other = CommentFactory.create_batch(2, user=user)
    assert user_client.patch(f"comments/c/{comment.pk}", {"content": "After"}).status == 200

    row = Comment.objects.get(pk=other.pk)
    assert (row.content, row.updated_at) == (other.content, row.created_at)


def test_an_edit_of_what_is_deleted_during_the_call_is_404(user: User, user_client: Client) -> None:
    comment = CommentFactory.create(user=user)

    def delete_first(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith("UPDATE"):
            Comment.objects.all().delete()
        return execute(sql, *rest)

    with connection.execute_wrapper(delete_first):
        answer = user_client.patch(f"comments/c/{comment.pk}", {"content": "Late"})

    assert (answer.status, answer.code) == (404, "not_found")


def test_an_edit_does_not_bring_back_what_staff_removed(
    user: User, user_client: Client, api: Client
) -> None:
    comment = CommentFactory.create(user=user, removed_at=NOON)
    assert user_client.patch(f"comments/c/{comment.pk}", {"content": "Again"}).status == 200

    assert Comment.objects.get().removed_at == NOON
    assert api.get(f"comments/{comment.video_id}").data == []


def test_deleting_takes_the_likes_along(user: User, user_client: Client) -> None:
    comment, other = CommentFactory.create_batch(2, user=user)
    for one in (comment, other):
        LikeFactory.create(comment=one)
    answer = user_client.delete(f"comments/c/{comment.pk}")

    assert (answer.status, answer.data, answer.body["message"]) == (200, {}, "Comment deleted.")
    assert list(Comment.objects.all()) == [other]
    assert [like.comment for like in Like.objects.all()] == [other]
    assert user_client.delete(f"comments/c/{comment.pk}").status == 404


def test_the_owner_of_the_video_may_delete_but_not_edit(
    client_for: Callable[[User], Client], video: Video
) -> None:
    comment = CommentFactory.create(video=video)
    owner = client_for(video.user)

    assert owner.patch(f"comments/c/{comment.pk}", {"content": "Mine"}).code == "permission_denied"
    assert owner.delete(f"comments/c/{comment.pk}").status == 200
    assert not Comment.objects.exists()


@pytest.mark.parametrize("is_staff", [False, True])
def test_nobody_else_may_edit_or_delete(
    client_for: Callable[[User], Client], is_staff: bool
) -> None:
    comment = CommentFactory.create(content="Mine")
    # Who owns another video owns nothing here.
    other = VideoFactory.create(user=UserFactory.create(is_staff=is_staff, password=None)).user
    client = client_for(other)
    for answer in (
        client.patch(f"comments/c/{comment.pk}", {"content": "Yours"}),
        client.delete(f"comments/c/{comment.pk}"),
    ):
        assert (answer.status, answer.code) == (403, "permission_denied")

    assert Comment.objects.get().content == "Mine"


def test_signed_out_one_can_only_read(api: Client) -> None:
    comment = CommentFactory.create()
    for answer in (
        api.post(f"comments/{comment.video_id}", {"content": "x"}),
        api.patch(f"comments/c/{comment.pk}", {"content": "x"}),
        api.delete(f"comments/c/{comment.pk}"),
    ):
        assert (answer.status, answer.code) == (401, "not_authenticated")

    assert len(api.get(f"comments/{comment.video_id}").data) == 1


def test_forms_are_taken_like_json(user_client: Client, video: Video) -> None:
    answer = user_client.post(
        f"comments/{video.pk}",
        b"content=From+a+form",
        content_type="application/x-www-form-urlencoded",
    )

    assert (answer.status, answer.data["content"]) == (201, "From a form")


def test_deleting_a_video_takes_its_comments_and_their_likes_along(
    client_for: Callable[[User], Client], video: Video
) -> None:
    LikeFactory.create(comment=CommentFactory.create(video=video))
    LikeFactory.create(video=video)
    kept = LikeFactory.create(comment=CommentFactory.create())
    assert client_for(video.user).delete(f"videos/{video.pk}").status == 200

    assert list(Comment.objects.all()) == [kept.comment]
    assert list(Like.objects.all()) == [kept]
