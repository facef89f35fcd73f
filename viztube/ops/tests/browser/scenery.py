"""What there is to look at: people, what they made and what they report, all through the API."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from viztube.media.tests.fixtures import CLIP
from viztube.ops.tests.site import RunningSite

# Is shown as it stands everywhere: what is parsed has this id, which no page may contain.
INJECTED = "injected"
MARKUP = f'"><i id="{INJECTED}">&amp;'


def data_of(answer: httpx.Response) -> Any:
    """Return what a call answered; it must have succeeded."""
    assert answer.is_success, answer.text
    return answer.json()["data"]


def upload(owner: httpx.Client, title: str, *, source: Path = CLIP, **texts: str) -> Any:
    """Upload a video, the test clip unless another is named."""
    with source.open("rb") as file:
        answer = owner.post("/videos", data={"title": title} | texts, files={"videoFile": file})
    return data_of(answer)["video"]


def comment(writer: httpx.Client, video: Any, content: str) -> Any:
    """Write a comment."""
    return data_of(writer.post(f"/comments/{video['id']}", json={"content": content}))


def tweet(writer: httpx.Client, content: str) -> Any:
    """Write a tweet."""
    return data_of(writer.post("/tweets", json={"content": content}))


def account_of(person: httpx.Client) -> Any:
    """Return who somebody is."""
    return data_of(person.get("/user/current-user-details"))


def report(
    reporter: httpx.Client,
    target_type: str,
    target: Any,
    *,
    reason: str = "spam",
    details: str = "",
) -> None:
    """Report a thing to the moderators."""
    body = {"targetType": target_type, "targetId": target["id"], "reason": reason}
    data_of(reporter.post("/reports", json=body | {"details": details}))


@dataclass(frozen=True)
class Scenery:
    """Some of everything: what is reported, and a comment and a channel that are not."""

    video: Any
    comment: Any
    viewer: Any


def set_the_scene(site: RunningSite) -> Scenery:
    """Make some of everything, with markup wherever people write, and report one of each."""
    owner, *viewers = (site.sign_up(name) for name in ("olive", "vera", "wim", "xenia"))
    data_of(owner.patch("/user/update-account", json={"fullname": f"Olive {MARKUP}"}))
    channel = account_of(owner)
    video = upload(owner, f"How to {MARKUP}", description=f"All about {MARKUP}")
    said = [comment(one, video, f"Comment {MARKUP}") for one in (owner, *viewers)]
    data_of(viewers[1].post(f"/likes/toggle/c/{said[0]['id']}"))
    told = tweet(owner, f"Tweet {MARKUP}")
    data_of(owner.post("/playlist", json={"name": f"Playlist {MARKUP}", "description": MARKUP}))
    for viewer in viewers:
        data_of(viewer.get(f"/videos/{video['id']}"))
        data_of(viewer.post(f"/likes/toggle/v/{video['id']}"))
        data_of(viewer.post(f"/subscriptions/c/{channel['id']}"))
        for kind, thing in (("video", video), ("comment", said[0]), ("tweet", told)):
            report(viewer, kind, thing, details=f"Because of {MARKUP}")
    report(viewers[0], "channel", channel, reason="harassment")
    return Scenery(video, said[1], account_of(viewers[0]))
