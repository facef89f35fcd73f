"""What every list shows of a video, and its page, from the shared cache.

Whether somebody may see a video is asked of the database each time, and so is what they have done
with it: a card says nothing of either. A video that is hidden or shown again gets another folder,
so a card counts only for who was shown the video in the folder that its addresses lead to.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
from django.contrib.auth.models import AnonymousUser
from django.db.models import TextField
from django.db.models.functions import Cast

from videos.models import Video
from videos.records import COLUMNS, VideoRecord
from videos.serializers import VideoWithUserSerializer
from viztube.api import shared
from viztube.api.caching import Asked
from viztube.api.querysets import as_array, one_of
from viztube.api.renderers import dumps
from viztube.api.representation import represent
from viztube.api.statements import Record, Records, Rows

# What lists of cards read besides their order: which video, where its files are, and whether the
# viewer likes it. Python takes longer than PostgreSQL to make a text of an id.
CARD = Cast("pk", TextField())
CARD_COLUMNS = ("card", "folder", "is_liked")

_MADE = Records(
    VideoRecord,
    lambda ids: (
        Video.objects.filter(one_of("id", ids)).with_details(AnonymousUser()).values(*COLUMNS)
    ),
)
# How JSON says whether the viewer likes something, and that this is not known. Within texts quotes
# look otherwise.
UNKNOWN = b'"isLiked":null'
KNOWN = {True: b'"isLiked":true', False: b'"isLiked":false', None: UNKNOWN}


def cards_of(rows: Rows[Record]) -> orjson.Fragment:
    """Return the cards of the rows of a list that has ``CARD_COLUMNS`` first."""
    folders = {video: folder for video, folder, *_ in rows.values}
    cards = {}
    found = shared.read_each(shared.VIDEO, [*folders], _made, of=VideoWithUserSerializer)
    for video, entry in found.items():
        head = b'["%b",' % folders[video].encode()
        if entry.startswith(head):
            cards[video] = entry[len(head) : -1]
    # What has another folder since, or had another one when it was remembered.
    if moved := found.keys() - cards.keys():
        made = _made([*moved]).items()
        cards |= {video: dumps(card) for video, (now, card) in made if now == folders[video]}
    shown = [
        cards[video].replace(UNKNOWN, KNOWN[is_liked], 1)
        for video, _, is_liked, *_ in rows.values
        # What was deleted since is gone.
        if video in cards
    ]
    return orjson.Fragment(b"[%b]" % b",".join(shown))


def ask_for_card(video: UUID) -> Asked | None:
    """Ask for a card along with whatever else the cache is asked next; ``page_of`` takes that."""
    return shared.ask(shared.VIDEO, video, of=VideoWithUserSerializer)


def page_of(video: UUID, shown: VideoRecord, asked: Asked | None = None) -> dict[str, Any] | None:
    """Return a video's page for whom it is ``shown`` (``views.watch``); None when it is gone."""
    key = str(video)

    def made() -> Any:
        return _made([key]).get(key)

    entry = shared.read(shared.VIDEO, key, made, of=VideoWithUserSerializer, asked=asked)
    if entry is not None and entry[0] != shown.folder:
        entry = made()
    if entry is None or entry[0] != shown.folder:
        return None
    card: dict[str, Any] = entry[1]
    card["views"], card["isLiked"] = shown.total_views, shown.is_liked
    card["user"] |= {
        "subscribersCount": shown.subscribers_count,
        "isSubscribed": shown.is_subscribed,
    }
    return card


def _made(ids: Sequence[str]) -> dict[str, Any]:
    """Return the folders and the cards of videos."""
    cards = _MADE.all(ids=as_array([*ids]))
    return {str(card.id): (card.folder, represent(VideoWithUserSerializer, card)) for card in cards}
