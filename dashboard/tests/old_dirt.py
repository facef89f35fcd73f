"""Everything the old service let in and we would not, and what the import says of it.

``LINES`` maps a row to its lines in the report: column, reason, what was done, and what stood there
before (``...`` where that is too long to repeat). Refused rows have their reason only.
"""

from typing import Any

from dashboard.tests.old_service import CLOUD, TIME, OldService, old_id

LATER = TIME.replace(year=2025)
NOT_HERE = "names no user that is here"
NO_FILE = "the video has no file: its upload failed"

Line = tuple[str, str, str, Any]

LINES: dict[tuple[str, str], list[Line]] = {}
REFUSED: dict[tuple[str, str], str] = {}
# Rows with something odd that arrive as they are.
KEPT: set[tuple[str, str]] = set()


def add_dirt(service: OldService) -> None:
    """Add every kind of dirt to a database that has clean rows."""
    LINES.clear()
    REFUSED.clear()
    KEPT.clear()
    _people(service)
    _videos(service)
    _posts(service)
    _relations(service)


def _dirty(service: OldService, table: str, number: int, lines: list[Line], **columns: Any) -> str:
    row_id = service.add(table, number, **columns)
    LINES[table, row_id] = lines
    return row_id


def _kept(service: OldService, table: str, number: int, **columns: Any) -> str:
    row_id = service.add(table, number, **columns)
    KEPT.add((table, row_id))
    return row_id


def _refused(service: OldService, table: str, number: int, reason: str, **columns: Any) -> str:
    row_id = service.add(table, number, **columns)
    REFUSED[table, row_id] = reason
    return row_id


def _people(service: OldService) -> None:
    lower, address_lower = "names are lower-case here", "addresses are lower-case here"
    # The newer is added first and has the smaller id.
    newer = old_id("User", 1001)
    _dirty(
        service,
        "User",
        1001,
        [
            ("username", "the name 'alice' is taken", f"is now 'alice-{newer[-8:]}'", "alice"),
            (
                "email",
                "'alice@example.com' is taken",
                f"is now '{newer}@duplicate.invalid'",
                "alice@example.com",
            ),
        ],
        username="alice",
        email="alice@example.com",
        createdAt=LATER,
    )
    _dirty(
        service,
        "User",
        1002,
        [
            ("username", lower, "is now 'alice'", "Alice"),
            ("email", address_lower, "is now 'alice@example.com'", "Alice@Example.com"),
        ],
        username="Alice",
        email="Alice@Example.com",
    )
    _kept(service, "User", 1003, username="with/slash-and-<b>markup</b>&%_'\"\\")
    _kept(service, "User", 1004, username="x" * 20_000)
    _kept(service, "User", 1005, username="émile-语言", fullname="x" * 100)
    _kept(service, "User", 1006, avatar="http://example.com/a.png", coverImage=f"{CLOUD}/c.png?a=1")
    _dirty(
        service,
        "User",
        1007,
        [
            (
                "fullname",
                "fullname is longer than 100 characters",
                "cut to 100 characters",
                "é" * 150,
            )
        ],
        fullname="é" * 150,
    )
    _dirty(
        service,
        "User",
        1008,
        [("fullname", "fullname is blank", "is now the user name", " \t")],
        fullname=" \t",
    )
    blank = old_id("User", 1009)
    _dirty(
        service,
        "User",
        1009,
        [
            ("username", "username is blank", f"is now 'user-{blank[-8:]}'", ""),
            ("email", "email is blank", f"is now '{blank}@missing.invalid'", ""),
        ],
        username="",
        email="",
    )
    long = "x" * 300 + "@example.com"
    _dirty(
        service,
        "User",
        1010,
        [
            (
                "email",
                "email is longer than 254 characters",
                f"is now '{old_id('User', 1010)}@toolong.invalid'",
                long,
            )
        ],
        email=long,
    )
    _dirty(
        service,
        "User",
        1011,
        [("email", address_lower, "is now 'space@example.com'", " space@example.com ")],
        email=" space@example.com ",
    )
    script = "javascript:alert(1)"
    ours = "p/0123456789abcdef0123456789abcdef/avatar.jpg"
    _dirty(
        service,
        "User",
        1012,
        [
            ("avatar", "avatar is no web address", "left empty", script),
            ("coverImage", "coverImage is no web address", "left empty", ours),
        ],
        avatar=script,
        coverImage=ours,
    )
    broken, endless = "http://[broken/a.png", "https://example.com/" + "x" * 6000
    _dirty(
        service,
        "User",
        1013,
        [
            ("avatar", "avatar is no web address", "left empty", broken),
            ("coverImage", "coverImage is no web address", "left empty", endless),
        ],
        avatar=broken,
        coverImage=endless,
    )
    _dirty(
        service,
        "User",
        1014,
        [("password", "password is no bcrypt hash", "nobody can sign in with it", "")],
        password="plain text",
    )
    _refused(service, "User", 1015, "id is no UUID", id="cm4xkq0000000", username="by-hand")
    _refused(service, "User", 1016, "id is no UUID", id=old_id("User", 0xABC).upper())
    _refused(service, "User", 1017, "createdAt is no time", createdAt="infinity")
    _dirty(
        service,
        "User",
        1018,
        [("updatedAt", "updatedAt is no time", "is now createdAt", "")],
        updatedAt="-infinity",
    )
    _dirty(service, "User", 1019, [("username", lower, "is now 'ǻb'", "ǺB")], username="ǺB")
    # A letter of Unicode 16, which PostgreSQL knows and most Pythons do not.
    new, small = "\u1c89b", "\u1c8ab"
    _dirty(service, "User", 1020, [("username", lower, f"is now {small!r}", new)], username=new)
    # Refused and before the others: it takes no name from them.
    _refused(service, "User", 1021, "createdAt is no time", createdAt="-infinity", username="early")
    _dirty(
        service, "User", 1022, [("username", lower, "is now 'early'", "Early")], username="Early"
    )


def _videos(service: OldService) -> None:
    nothing = {"videoFileUrl": "", "videoFilePublicId": "", "duration": 0}
    failed = ("processingStatus", NO_FILE, "is now FAILED")
    hidden = ("isPublished", "the video has no file", "is no longer published", True)
    _dirty(
        service,
        "Video",
        1001,
        [(*failed, "FAILED")],
        **nothing,
        thumbnailUrl="",
        thumbnailPublicId="",
        isPublished=False,
        processingStatus="FAILED",
    )
    _dirty(service, "Video", 1002, [hidden, (*failed, "COMPLETED")], **nothing)
    _dirty(
        service,
        "Video",
        1003,
        [
            (
                "processingStatus",
                "its processing would never end, and it plays",
                "is now COMPLETED",
                "PROCESSING",
            )
        ],
        processingStatus="PROCESSING",
    )
    _kept(service, "Video", 1004, processingStatus="FAILED")
    _kept(service, "Video", 1005, thumbnailUrl="", thumbnailPublicId="", description=None)
    for number, value in enumerate(("NaN", "-1", "Infinity", "-Infinity"), 1006):
        told = {"NaN": "nan", "-1": "-1.0", "Infinity": "inf", "-Infinity": "-inf"}[value]
        line = ("duration", "duration is no number from 0 up", "is now 0", told)
        _dirty(service, "Video", number, [line], duration=value)
    line = ("views", "views is no number from 0 up", "is now 0", "-5")
    _dirty(service, "Video", 1010, [line], views=-5)
    for number, title in enumerate(("", " \n "), 1011):
        line = ("title", "title is blank", "is now 'Untitled'", title)
        _dirty(service, "Video", number, [line], title=title)
    line = ("title", "title is longer than 5000 characters", "cut to 5000 characters", "t" * 6000)
    _dirty(service, "Video", 1013, [line], title="t" * 6000)
    # More than a search column holds.
    words = " ".join(f"word{n}" for n in range(150_000))
    line = (
        "description",
        "description is longer than 50000 characters",
        "cut to 50000 characters",
        words,
    )
    _dirty(service, "Video", 1014, [line], description=words)
    line = ("videoFileUrl", "videoFileUrl is no web address", "left empty", "uploads/v.mp4")
    _dirty(
        service, "Video", 1015, [line, hidden, (*failed, "COMPLETED")], videoFileUrl="uploads/v.mp4"
    )
    _kept(service, "Video", 1016, videoFileUrl="http://res.cloudinary.com/vidtube/v.mp4")
    _kept(service, "Video", 1017, duration=0, views=2_000_000_000)
    reason = f"userId {NOT_HERE}"
    _refused(service, "Video", 1018, reason, userId="cm4xkq0000000", description="d" * 60_000)
    _refused(service, "Video", 1019, "id is no UUID", id="not-an-id")


def _posts(service: OldService) -> None:
    refused_video = old_id("Video", 1018)
    not_here = "videoId names no video that is here"
    line = ("content", "content is longer than 5000 characters", "cut to 5000 characters", ...)
    _dirty(service, "Comment", 100_001, [line], content="語" * 300_000)
    _kept(service, "Comment", 100_002, content="語" * 5000)
    for number, content in enumerate(("", " \n\t", "\u00a0\u2003"), 100_003):
        _refused(service, "Comment", number, "content is blank", content=content)
    _refused(service, "Comment", 100_006, not_here, videoId=refused_video, content="c" * 6000)
    _refused(service, "Comment", 100_007, f"userId {NOT_HERE}", userId="cm4xkq0000000")
    _refused(service, "Comment", 100_008, "id is no UUID", id="0")
    line = ("content", "content is longer than 2000 characters", "cut to 2000 characters", ...)
    _dirty(service, "Tweet", 100_001, [line], content="t" * 2001)
    _kept(service, "Tweet", 100_002, content="t" * 2000)
    _refused(service, "Tweet", 100_003, "content is blank", content="")


def _relations(service: OldService) -> None:
    _refused(service, "Like", 200_000_001, "it is a like of nothing")
    user, tweet, video = old_id("User", 1003), old_id("Tweet", 1), old_id("Video", 1)
    comment, refused_comment = old_id("Comment", 1), old_id("Comment", 100_006)
    several = "it is a like of several things"
    _dirty(
        service,
        "Like",
        200_000_002,
        [
            ("commentId", several, "only videoId is kept", comment),
            ("tweetId", several, "only videoId is kept", tweet),
        ],
        userId=user,
        videoId=video,
        commentId=comment,
        tweetId=tweet,
    )
    _dirty(
        service,
        "Like",
        200_000_003,
        [("commentId", several, "only tweetId is kept", refused_comment)],
        userId=old_id("User", 1004),
        commentId=refused_comment,
        tweetId=tweet,
    )
    reason = "commentId names nothing that is here"
    _refused(service, "Like", 200_000_004, reason, userId=user, commentId=refused_comment)
    reason = f"userId {NOT_HERE}"
    _refused(service, "Like", 200_000_005, reason, userId="cm4xkq0000000", videoId=video)
    oneself = {"subscriberId": user, "channelId": user}
    _refused(service, "Subscription", 100_001, "it is a subscription to oneself", **oneself)
    channel = {"subscriberId": user, "channelId": "cm4xkq0000000"}
    _refused(service, "Subscription", 100_002, f"channelId {NOT_HERE}", **channel)
    line = ("name", "name is blank", "is now 'Untitled'", " ")
    playlist = _dirty(service, "Playlist", 100_001, [line], name=" ")
    line = ("name", "name is longer than 5000 characters", "cut to 5000 characters", "n" * 9000)
    _dirty(service, "Playlist", 100_002, [line], name="n" * 9000)
    _refused(service, "Playlist", 100_003, f"userId {NOT_HERE}", userId="cm4xkq0000000")
    entry = {"playlistId": playlist, "videoId": old_id("Video", 1018)}
    _refused(service, "PlaylistVideo", 100_001, "videoId names no video that is here", **entry)
    reason = "playlistId names no playlist that is here"
    entry = {"playlistId": old_id("Playlist", 100_003)}
    _refused(service, "PlaylistVideo", 100_002, reason, **entry)
    entry = {"videoId": old_id("Video", 1018)}
    _refused(service, "WatchHistory", 100_001, "videoId names no video that is here", **entry)
