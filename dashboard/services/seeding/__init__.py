"""Demo data in any amount: straight into the tables, the same rows for the same arguments."""

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import Q

from dashboard.services.seeding.amounts import Amounts, SeedingRefused
from dashboard.services.seeding.clips import shared_clips
from dashboard.services.seeding.content import EMAIL_DOMAIN, Content, username
from dashboard.services.seeding.copying import Table, copy_in
from social.models import Comment, Like, Playlist, PlaylistVideo, Subscription, Tweet
from users.models import User
from videos.models import DailyViews, Video, WatchHistory
from viztube.api import shared

__all__ = ["Amounts", "SeedingRefused", "seed_demo", "username"]


def seed_demo(*, amounts: Amounts, seed: int, password: str) -> dict[str, int]:
    """Fill the tables; return how many rows each got. Raises SeedingRefused.

    A run that fails leaves neither rows nor files. The password is everyone's; its
    hash alone differs from run to run, because its salt is random.
    """
    amounts.check()
    _require_no_seeded_users()
    with shared_clips() as clips, transaction.atomic():
        shared.forget_everything_on_commit()
        content = Content(amounts, seed=seed, clips=clips, password=make_password(password))
        return {table.title: copy_in(table) for table in _tables(content)}


def _require_no_seeded_users() -> None:
    seeded = Q(username__regex=r"^user[0-9]{3,}$") | Q(
        email__regex=rf"^user[0-9]{{3,}}@{EMAIL_DOMAIN}$"
    )
    if person := User.objects.filter(seeded).first():
        raise SeedingRefused(
            f"There are seeded users already ({person.username}), and two sets would mix: "
            "use an empty database."
        )


def _tables(content: Content) -> list[Table]:
    """Return what to copy in, tables that others refer to first."""
    amounts = content.amounts
    return [
        Table(
            "users",
            User,
            "id username email fullname avatar password created_at updated_at",
            content.users(),
            amounts.users,
        ),
        Table(
            "videos",
            Video,
            "id user_id title description duration width height views is_published folder "
            "stored_folder video_file thumbnail_file created_at updated_at",
            content.videos(),
            amounts.videos,
        ),
        Table("days of views", DailyViews, "video_id day views", content.daily_views()),
        Table(
            "comments",
            Comment,
            "id user_id video_id content created_at updated_at",
            content.comments(),
            amounts.comments,
        ),
        Table("likes", Like, "id user_id video_id created_at", content.likes(), amounts.likes),
        Table(
            "history entries",
            WatchHistory,
            "id user_id video_id watched_at",
            content.history(),
            amounts.history,
        ),
        Table(
            "subscriptions",
            Subscription,
            "id subscriber_id channel_id created_at",
            content.subscriptions(),
            amounts.subscriptions,
        ),
        Table(
            "tweets",
            Tweet,
            "id user_id content created_at updated_at",
            content.tweets(),
            amounts.tweets,
        ),
        Table(
            "playlists",
            Playlist,
            "id user_id name description created_at updated_at",
            content.playlists(),
            amounts.playlists,
        ),
        Table(
            "videos in playlists",
            PlaylistVideo,
            "id playlist_id video_id position added_at",
            content.playlist_videos(),
            amounts.playlist_videos,
        ),
    ]
