"""What frames the pages of the desk: the sidebar, and the policy of what they may load and run."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.cache.backends.redis import RedisCacheClient
from django.test import Client as DjangoClient

from users.tests.browsers import browser_of, staff, superuser
from users.tests.factories import UserFactory
from viztube.api.tests.fixtures import Client
from viztube.desk.site import SECTIONS
from viztube.ops.tests.desk import MODELS, list_of

pytestmark = pytest.mark.django_db


def links_of(browser: DjangoClient) -> set[str]:
    """Return where the sidebar of a person leads."""
    context: Any = browser.get("/admin/").context
    return {item["link"] for group in context["sidebar_navigation"] for item in group["items"]}


def test_the_sidebar_leads_to_every_list() -> None:
    assert links_of(browser_of(superuser())) == {"/admin/", *(list_of(model) for model in MODELS)}
    assert {label for group in SECTIONS.values() for label in group} == {
        model._meta.label_lower for model in MODELS
    }


@pytest.mark.parametrize("group", ["Moderators", "Senior moderators", "Administrators", None])
def test_nobody_sees_links_that_they_may_not_open(group: str | None) -> None:
    person = staff()
    if group:
        person.groups.add(Group.objects.get(name=group))
    browser = browser_of(person)
    links = links_of(browser)

    for address in (list_of(model) for model in MODELS):
        assert browser.get(address).status_code == (200 if address in links else 403)
    assert links >= {"/admin/"}
    assert len(links) == {None: 1, "Moderators": 9, "Senior moderators": 13}.get(group, 18)


def policy_of(answer: Any) -> dict[str, list[str]]:
    """Return the policy of an answer, by directive."""
    rules = [rule.split() for rule in answer["Content-Security-Policy"].split(";") if rule.strip()]
    return {name: sorted(values) for name, *values in rules}


@pytest.mark.parametrize(
    "address",
    ["/admin/", "/admin/login/", "/admin/users/user/", "/admin/nothing/", "/admin/jsi18n/"],
)
def test_pages_of_the_desk_load_and_run_only_what_is_its_own(address: str) -> None:
    answer = browser_of(superuser()).get(address)
    policy = policy_of(answer)

    assert policy["default-src"] == ["'none'"]
    scripts = [source for source in policy["script-src"] if not source.startswith("'nonce-")]
    assert scripts == ["'self'", "'unsafe-eval'"]
    assert policy["object-src"] == policy["frame-ancestors"] == ["'none'"]
    assert policy["base-uri"] == policy["form-action"] == policy["connect-src"] == ["'self'"]
    assert {"https:", "'self'"} <= set(policy["media-src"])
    assert answer["X-Frame-Options"] == "DENY"


def test_the_login_of_the_desk_has_its_policy_too() -> None:
    answer = DjangoClient().get("/admin/login/")

    assert policy_of(answer)["default-src"] == ["'none'"]


def test_the_landing_page_runs_nothing() -> None:
    answer = DjangoClient().get("/")
    policy = policy_of(answer)

    (nonce,) = policy["style-src"]
    assert nonce.startswith("'nonce-")
    assert f'<style nonce="{nonce[7:-1]}">' in answer.content.decode()
    assert policy["default-src"] == ["'none'"]
    assert "unsafe" not in answer["Content-Security-Policy"]


def test_what_the_api_answers_is_allowed_nothing_unsafe(api: Client) -> None:
    answer = api.get("videos").response

    assert "unsafe" not in answer.get("Content-Security-Policy", "")


def test_people_without_staff_see_no_sidebar() -> None:
    answer = browser_of(UserFactory.create()).get("/admin/", follow=True)

    assert "/admin/users/user/" not in answer.content.decode()


@pytest.mark.parametrize("page", ["1", "x", "0", "99", "9" * 5000])
def test_ctrl_k_finds_lists_with_the_cache_away(monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    def away(*args: Any, **kwargs: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(RedisCacheClient, "get", away)
    monkeypatch.setattr(RedisCacheClient, "set", away)
    browser = browser_of(superuser())

    # The names of Django's own apps are translated late.
    found = browser.get("/admin/search/", {"s": "AUTHENT", "extended": "1", "page": page})
    assert (found.status_code, "/admin/auth/group/" in found.content.decode()) == (200, True)
    assert "/admin/" not in browser.get("/admin/search/", {"s": "nothing"}).content.decode()


def test_ctrl_k_finds_only_lists_that_one_may_open() -> None:
    browser = browser_of(staff("view_comment"))
    found = browser.get("/admin/search/", {"s": "o", "extended": "1"}).content.decode()

    assert "/admin/social/comment/" in found
    assert "/admin/videos/video/" not in found
