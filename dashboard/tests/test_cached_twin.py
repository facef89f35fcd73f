"""Random changes and reads by several callers: the cache never shows.

A machine of hypothesis changes things over the API and reads them twice, from the service as it is
and from a twin that remembers nothing. Both read the same database, so that any difference is an
entry that should have been forgotten, or one that depends on who asked.
"""

from contextlib import suppress
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from dashboard.tests.twins import told, told_anew
from social.models import Comment, DecisionName
from social.roles import Role
from social.services.moderation import Refused
from social.tests.deciding import acting, decided
from users.devices import Device
from users.models import User
from users.services.sessions import open_session
from users.tests.factories import UserFactory
from videos.models import Video
from videos.tests.factories import VideoFactory
from viztube.api import shared
from viztube.api.tests.fixtures import Client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lasting_entries")]

CALLERS = ("out", "ann", "bob", "staff")
PEOPLE = ("ann", "bob")
PATHS = (
    "videos",
    "videos?limit=2&page=2",
    "videos?sortBy=title&sortType=asc",
    "videos?sortBy=duration&limit=3",
    "videos?userId={ann}",
    "videos?query=alpha",
    "videos?userId={bob}&limit=1",
    "comments/{first}",
    "comments/{first}?limit=1&page=2",
    "comments/{second}",
    "user/c/{ann_name}",
    "user/c/{bob_name}",
    "user/c/renamed",
    "dashboard/stats",
    "likes/videos",
    "likes/videos?limit=1&page=2",
    "user/watch-history",
    "videos/{first}",
    "videos/{second}",
)
callers, people, paths = map(st.sampled_from, (CALLERS, PEOPLE, PATHS))
whose = st.integers(0, 4)


class CachedApi(RuleBasedStateMachine):
    """Two people with videos, staff, and somebody signed out."""

    @initialize()
    def begin(self) -> None:
        """Make people and videos."""
        self.frame = transaction.atomic()
        self.frame.__enter__()
        shared.forget(shared.EVERYTHING)
        self.people = {name: UserFactory.create(username=f"{name}1") for name in PEOPLE}
        self.people["staff"] = UserFactory.create(is_staff=True)
        self.clients = {"out": Client()}
        for name in self.people:
            self.sign_in(name)
        self.videos = [
            VideoFactory.create(user=self.people[PEOPLE[number % 2]], duration=number, files=True)
            for number in range(5)
        ]

    def sign_in(self, name: str) -> None:
        """Give somebody a client."""
        session = open_session(user=self.people[name], device=Device("pytest", "127.0.0.1"))
        self.clients[name] = Client(session.access)

    def teardown(self) -> None:
        """Take everything back."""
        if hasattr(self, "frame"):
            transaction.set_rollback(True)
            self.frame.__exit__(None, None, None)

    # Reads

    @rule(caller=callers, path=paths)
    def read(self, caller: str, path: str) -> None:
        """Read something as somebody."""
        self.compare(caller, path)

    @rule(caller=callers)
    def read_everything(self, caller: str) -> None:
        """Read all there is as somebody."""
        for path in PATHS:
            self.compare(caller, path)

    @rule(caller=callers, number=whose)
    def watch(self, caller: str, number: int) -> None:
        """Watch a video, which may show later."""
        self.clients[caller].get(f"videos/{self.videos[number].pk}")

    def compare(self, caller: str, path: str) -> None:
        """Fail when the service tells other things than its twin."""
        fields: dict[str, Any] = {name: person.pk for name, person in self.people.items()}
        for name, person in self.people.items():
            # Names change, ids do not.
            fields[f"{name}_name"] = User.objects.values_list("username", flat=True).get(
                pk=person.pk
            )
        fields |= {"first": self.videos[0].pk, "second": self.videos[1].pk}
        client, address = self.clients[caller], path.format(**fields)
        assert told(client, address) == told_anew(client, address), (caller, address)

    # Changes; whoever makes one reads it at once.

    def change(self, caller: str, method: str, path: str, body: Any = None) -> None:
        """Change something as somebody, or try to, and read it."""
        self.clients[caller].request(method, path, body)
        self.compare(caller, "videos")

    @rule(caller=callers, number=whose, method=st.sampled_from(["PUT", "DELETE"]))
    def like(self, caller: str, number: int, method: str) -> None:
        """Like a video or no longer."""
        self.change(caller, method, f"likes/v/{self.videos[number].pk}")

    @rule(caller=callers, person=people, method=st.sampled_from(["PUT", "DELETE", "POST"]))
    def follow(self, caller: str, person: str, method: str) -> None:
        """Follow a channel or no longer."""
        self.change(caller, method, f"subscriptions/c/{self.people[person].pk}")
        self.compare(caller, f"user/c/{{{person}_name}}")

    @rule(caller=callers, number=whose)
    def comment(self, caller: str, number: int) -> None:
        """Say something."""
        self.change(caller, "POST", f"comments/{self.videos[number].pk}", {"content": "Said."})

    @rule(caller=callers, content=st.sampled_from(["Else.", "More."]))
    def edit_comment(self, caller: str, content: str) -> None:
        """Change the latest comment, as somebody who may or not."""
        if comment := Comment.objects.order_by("pk").last():
            self.change(caller, "PATCH", f"comments/c/{comment.pk}", {"content": content})
            self.compare(caller, f"comments/{comment.video_id}")

    @rule(caller=callers, method=st.sampled_from(["PUT", "DELETE"]))
    def like_a_comment(self, caller: str, method: str) -> None:
        """Like the latest comment or no longer."""
        if comment := Comment.objects.order_by("pk").last():
            self.change(caller, method, f"likes/c/{comment.pk}")
            self.compare(caller, f"comments/{comment.video_id}")

    @rule(caller=callers)
    def delete_comment(self, caller: str) -> None:
        """Delete the latest comment."""
        comment = Comment.objects.order_by("pk").last()
        if comment is not None:
            self.change(caller, "DELETE", f"comments/c/{comment.pk}")

    @rule(number=whose, title=st.sampled_from(["Alpha", "omega", "Mu"]))
    def retitle(self, number: int, title: str) -> None:
        """Give a video another title."""
        self.of_owner(number, "PATCH", "videos/{}", {"title": title})

    @rule(number=whose)
    def toggle(self, number: int) -> None:
        """Publish a video, or hide it."""
        self.of_owner(number, "PATCH", "videos/toggle/publish/{}")

    @rule(number=whose)
    def delete(self, number: int) -> None:
        """Delete a video."""
        self.of_owner(number, "DELETE", "videos/{}")

    def of_owner(self, number: int, method: str, path: str, body: Any = None) -> None:
        """Change a video as its owner."""
        self.change(PEOPLE[number % 2], method, path.format(self.videos[number].pk), body)

    @rule(person=people, body=st.sampled_from([{"fullname": "New"}, {"username": "renamed"}]))
    def rename(self, person: str, body: dict[str, str]) -> None:
        """Give a person another name."""
        self.change(person, "PATCH", "user/update-account", body)
        self.compare("out", f"user/c/{{{person}_name}}")

    @rule(
        person=people,
        name=st.sampled_from([DecisionName.SUSPEND, DecisionName.BAN, DecisionName.LIFT]),
    )
    def decide_about_a_person(self, person: str, name: DecisionName) -> None:
        """Suspend or ban somebody, or lift that."""
        self.decide(User.objects.get(pk=self.people[person].pk), name)
        if name == DecisionName.LIFT:
            self.sign_in(person)

    @rule(number=whose, name=st.sampled_from([DecisionName.TAKE_DOWN, DecisionName.RESTORE]))
    def decide_about_a_video(self, number: int, name: DecisionName) -> None:
        """Take a video down, or bring it back."""
        if video := Video.objects.filter(pk=self.videos[number].pk).first():
            self.decide(video, name)

    @rule(name=st.sampled_from([DecisionName.REMOVE, DecisionName.RESTORE]))
    def decide_about_a_comment(self, name: DecisionName) -> None:
        """Remove the latest comment, or bring it back."""
        comment = Comment.objects.order_by("pk").last()
        if comment is not None:
            self.decide(comment, name)

    def decide(self, target: Any, name: DecisionName) -> None:
        """Decide as an operator does, if that is possible now."""
        with suppress(Refused):
            decided(target, name, by=acting(Role.OPERATOR))
        self.compare("out", "videos")


def test_who_remembers_tells_what_who_remembers_nothing_tells() -> None:
    run_state_machine_as_test(
        CachedApi,
        settings=settings(
            max_examples=10,
            stateful_step_count=20,
            deadline=None,
            # The same on every run: a change of ours fails, chance does not.
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
