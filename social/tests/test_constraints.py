"""The database itself refuses what people cannot have done."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction

from social.models import (
    Case,
    Comment,
    DecisionName,
    Like,
    ModerationAction,
    Playlist,
    PlaylistVideo,
    Report,
    Subscription,
    Tweet,
)
from social.tests.deciding import decided
from social.tests.factories import (
    CommentFactory,
    LikeFactory,
    PlaylistFactory,
    PlaylistVideoFactory,
    ReportFactory,
    SubscriptionFactory,
    TweetFactory,
)
from users.models import User
from users.tests.factories import UserFactory
from videos.tests.factories import VideoFactory
from videos.tests.test_constraints import refused

pytestmark = pytest.mark.django_db

MODELS: tuple[type[models.Model], ...] = (
    Comment,
    Tweet,
    Like,
    Subscription,
    Playlist,
    PlaylistVideo,
    Case,
    Report,
    ModerationAction,
)
BLANKS = ["", " ", "\n", "\t \r\n\f\v", "\u2003\u3000"]
TEXTS = [
    (CommentFactory, "social_comment_content_not_blank", "content"),
    (TweetFactory, "social_tweet_content_not_blank", "content"),
    (PlaylistFactory, "social_playlist_name_not_blank", "name"),
]
LONGEST = [
    (CommentFactory, "social_comment_content_length", 5000),
    (TweetFactory, "social_tweet_content_length", 2000),
]
# Characters of one to four bytes each; the length counts characters, not bytes.
CHARACTERS = ["x", "é", "語", "🎬"]
TARGETS = ("video", "comment", "tweet")


@pytest.mark.parametrize(("factory", "constraint", "column"), TEXTS)
@pytest.mark.parametrize("blank", BLANKS, ids=repr)
def test_a_text_has_something_to_read(
    factory: Any, constraint: str, column: str, blank: str
) -> None:
    row = factory.create()

    refused(constraint, lambda: type(row).objects.filter(pk=row.pk).update(**{column: blank}))
    refused(constraint, lambda: factory.create(**{column: blank}))


@pytest.mark.parametrize(("factory", "constraint", "column"), TEXTS)
def test_one_character_is_a_text(factory: Any, constraint: str, column: str) -> None:
    row = factory.create(**{column: " \n!\t"})

    row.refresh_from_db()
    assert getattr(row, column) == " \n!\t"


@pytest.mark.parametrize(("factory", "constraint", "length"), LONGEST)
@pytest.mark.parametrize("character", CHARACTERS)
def test_a_text_has_an_end(factory: Any, constraint: str, length: int, character: str) -> None:
    row = factory.create(content=character * length)

    row.refresh_from_db()
    assert row.content == character * length
    refused(constraint, lambda: factory.create(content=character * (length + 1)))
    rows = type(row).objects.filter(pk=row.pk)
    refused(constraint, lambda: rows.update(content=character * (length + 1)))


@pytest.fixture
def targets(db: None) -> dict[str, Any]:
    """Return one of each thing that can be liked."""
    return {
        "video": VideoFactory.create(),
        "comment": CommentFactory.create(),
        "tweet": TweetFactory.create(),
    }


@pytest.mark.parametrize(
    "liked",
    [(), ("video", "comment"), ("video", "tweet"), ("comment", "tweet"), TARGETS],
    ids=lambda names: " and ".join(names) or "nothing",
)
def test_a_like_is_of_one_thing(user: User, targets: dict[str, Any], liked: tuple[str]) -> None:
    refused(
        "social_like_one_target",
        lambda: LikeFactory.create(user=user, **{name: targets[name] for name in liked}),
    )


@pytest.mark.parametrize("target", TARGETS)
def test_a_like_cannot_change_into_another(targets: dict[str, Any], target: str) -> None:
    like = LikeFactory.create(**{target: targets[target]})
    rows = Like.objects.filter(pk=like.pk)
    (other, _) = set(TARGETS) - {target}

    refused("social_like_one_target", lambda: rows.update(**{target: None}))
    refused("social_like_one_target", lambda: rows.update(**{other: targets[other]}))


@pytest.mark.parametrize("target", TARGETS)
def test_a_person_likes_a_thing_once(user: User, targets: dict[str, Any], target: str) -> None:
    like = {"user": user, target: targets[target]}
    LikeFactory.create(**like)
    another = LikeFactory.create(**{target: targets[target]})

    name = f"social_like_{target}_unique"
    refused(name, lambda: LikeFactory.create(**like))
    refused(name, lambda: Like.objects.filter(pk=another.pk).update(user=user))
    # Everyone may like it, and a person may like everything.
    LikeFactory.create(**{target: targets[target]})
    for other in set(TARGETS) - {target}:
        LikeFactory.create(user=user, **{other: targets[other]})


def test_a_person_follows_a_channel_once(user: User) -> None:
    channel, another = UserFactory.create_batch(2, password=None)
    SubscriptionFactory.create(subscriber=user, channel=channel)

    refused(
        "social_subscription_unique",
        lambda: SubscriptionFactory.create(subscriber=user, channel=channel),
    )
    # Both ways, and others.
    SubscriptionFactory.create(subscriber=channel, channel=user)
    SubscriptionFactory.create(subscriber=user, channel=another)
    SubscriptionFactory.create(subscriber=another, channel=channel)


def test_nobody_follows_themselves(user: User) -> None:
    row = SubscriptionFactory.create(subscriber=user)

    name = "social_subscription_not_oneself"
    refused(name, lambda: SubscriptionFactory.create(subscriber=user, channel=user))
    refused(name, lambda: Subscription.objects.filter(pk=row.pk).update(channel=user))


def test_a_video_is_in_a_playlist_once(user: User) -> None:
    entry = PlaylistVideoFactory.create()
    again = {"playlist": entry.playlist, "video": entry.video}

    refused(
        "social_playlistvideo_unique",
        lambda: PlaylistVideoFactory.create(**again, position=entry.position + 1),
    )
    PlaylistVideoFactory.create(video=entry.video)
    PlaylistVideoFactory.create(playlist=entry.playlist)


def test_a_position_is_not_negative() -> None:
    entry = PlaylistVideoFactory.create(position=0)

    refused(
        "social_playlistvideo_position_check",
        lambda: PlaylistVideo.objects.filter(pk=entry.pk).update(position=-1),
    )


@pytest.fixture
def entries(db: None) -> list[PlaylistVideo]:
    """Return the first and the second video of a playlist."""
    playlist = PlaylistFactory.create()
    return [PlaylistVideoFactory.create(playlist=playlist, position=n) for n in range(2)]


def move(entry: PlaylistVideo, position: int) -> None:
    """Put an entry somewhere, past every check of ours."""
    PlaylistVideo.objects.filter(pk=entry.pk).update(position=position)


def test_a_place_is_taken_once(entries: list[PlaylistVideo]) -> None:
    def write() -> None:
        move(entries[1], 0)
        connection.check_constraints()

    refused("social_playlistvideo_position_unique", write)
    # In another playlist it is free.
    PlaylistVideoFactory.create(position=0)
    connection.check_constraints()


@pytest.mark.django_db(transaction=True)
def test_two_places_can_be_swapped_step_by_step(entries: list[PlaylistVideo]) -> None:
    with transaction.atomic():
        move(entries[0], 1)
        move(entries[1], 0)

    assert list(PlaylistVideo.objects.order_by("position")) == entries[::-1]


@pytest.mark.django_db(transaction=True)
def test_a_place_taken_twice_is_refused_at_the_commit(entries: list[PlaylistVideo]) -> None:
    block = transaction.atomic()
    block.__enter__()
    move(entries[0], 1)
    with pytest.raises(IntegrityError, match='"social_playlistvideo_position_unique"'):
        block.__exit__(None, None, None)

    assert list(PlaylistVideo.objects.order_by("position")) == entries


# How a row is made beside one of each thing that can be liked or reported.
ROWS: dict[type[models.Model], Callable[[dict[str, Any]], models.Model]] = {
    Comment: lambda targets: CommentFactory.create(),
    Tweet: lambda targets: TweetFactory.create(),
    Like: lambda targets: LikeFactory.create(tweet=targets["tweet"]),
    Subscription: lambda targets: SubscriptionFactory.create(),
    Playlist: lambda targets: PlaylistFactory.create(),
    PlaylistVideo: lambda targets: PlaylistVideoFactory.create(),
    Case: lambda targets: ReportFactory.create(tweet=targets["tweet"]).case,
    Report: lambda targets: ReportFactory.create(tweet=targets["tweet"]),
}
REFERENCES = [
    (model, field.name)
    for model in MODELS
    for field in model._meta.concrete_fields
    if isinstance(field, models.ForeignKey)
]


@pytest.mark.parametrize(
    ("model", "column"), REFERENCES, ids=[f"{model.__name__}.{name}" for model, name in REFERENCES]
)
def test_nothing_refers_to_what_is_not_there(
    targets: dict[str, Any], model: type[models.Model], column: str
) -> None:
    row = ROWS[model](targets)
    changes: dict[str, Any] = {f"{column}_id": uuid4()}
    if model in {Like, Report} and column in {"video", "comment", "channel"}:
        # It is about one thing.
        changes["tweet"] = None

    def write() -> None:
        model._default_manager.filter(pk=row.pk).update(**changes)
        connection.check_constraints()

    with pytest.raises(IntegrityError, match="violates foreign key"), transaction.atomic():
        write()


@pytest.mark.parametrize(
    ("model", "column"),
    [
        (model, field.name)
        for model in MODELS
        for field in model._meta.concrete_fields
        # The database makes a generated column; nobody changes a line of the log.
        if not field.null and not field.generated and model is not ModerationAction
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_nothing_is_left_out(
    targets: dict[str, Any], model: type[models.Model], column: str
) -> None:
    row = ROWS[model](targets)

    with pytest.raises(IntegrityError, match="violates not-null"), transaction.atomic():
        model._default_manager.filter(pk=row.pk).update(**{column: None})


@pytest.mark.parametrize(
    "column", [field.name for field in ModerationAction._meta.concrete_fields if not field.null]
)
def test_nothing_is_left_out_of_the_log(targets: dict[str, Any], column: str) -> None:
    line = decided(targets["tweet"], DecisionName.REMOVE)
    columns = {field.name: getattr(line, field.name) for field in line._meta.concrete_fields}
    columns |= {"id": uuid4(), column: None}
    names, places = ", ".join(columns), ", ".join(["%s"] * len(columns))

    with (
        pytest.raises(IntegrityError, match="violates not-null"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            f"INSERT INTO social_moderationaction ({names}) VALUES ({places})",
            list(columns.values()),
        )


def test_every_model_is_tried_here() -> None:
    assert set(MODELS) == set(apps.get_app_config("social").get_models())


def test_every_constraint_that_has_a_name_is_tried() -> None:
    named = {constraint.name for model in MODELS for constraint in model._meta.constraints}

    assert named == {
        "social_comment_content_not_blank",
        "social_comment_content_length",
        "social_tweet_content_not_blank",
        "social_tweet_content_length",
        "social_like_one_target",
        "social_like_video_unique",
        "social_like_comment_unique",
        "social_like_tweet_unique",
        "social_subscription_unique",
        "social_subscription_not_oneself",
        "social_playlist_name_not_blank",
        "social_playlistvideo_unique",
        "social_playlistvideo_position_unique",
        # In test_case_constraints.py.
        "social_case_target_type",
        "social_case_closed_with_outcome",
        "social_case_one_open",
        "social_case_id_target",
        "social_report_one_target",
        "social_report_reason",
        "social_report_not_oneself",
        "social_report_once_a_case",
        "social_moderationaction_decision",
        "social_moderationaction_target_type",
        "social_moderationaction_has_reason",
        "social_moderationaction_until",
    }
