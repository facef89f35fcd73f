"""Every list and every page of the desk: what it costs, what it shows, what it leaves alone."""

from html.parser import HTMLParser
from typing import Any

import pytest
from django.apps import apps
from django.db.models import Model

from users.tests.browsers import Browser, browser_of, superuser
from users.tests.queries import captured_queries
from viztube.ops.tests.desk import LABELS, MODELS, Rows, list_of, page_of

pytestmark = pytest.mark.django_db

MOST = 12  # queries
OURS = ("users", "videos", "social")
every_model = pytest.mark.parametrize("model", MODELS, ids=LABELS)


@pytest.fixture
def browser() -> Browser:
    """Return a browser of somebody who may do everything."""
    return browser_of(superuser())


def test_every_table_has_a_list() -> None:
    tables = {model for label in OURS for model in apps.get_app_config(label).get_models()}

    # What is in a playlist is on its page, and what is made of a video on that of the video.
    assert {model.__name__ for model in tables - set(MODELS)} == {
        "PlaylistVideo",
        "Rendition",
        "Transcoding",
    }


def cost_of(browser: Browser, address: str) -> int:
    with captured_queries() as statements:
        answer = browser.get(address)
    assert answer.status_code == 200, answer
    return len(statements)


@every_model
def test_a_list_costs_the_same_whatever_its_length(browser: Browser, model: type[Model]) -> None:
    rows = Rows()
    rows.make(model)
    cost_of(browser, list_of(model))
    short = cost_of(browser, list_of(model))
    for _ in range(19):
        rows.make(model)
    long = cost_of(browser, list_of(model))

    print(f"{model._meta.label}: {long} queries")
    assert short == long <= MOST


@every_model
def test_a_page_costs_little(browser: Browser, model: type[Model]) -> None:
    row = Rows().make(model)
    cost = cost_of(browser, page_of(row))

    print(f"{model._meta.label}: {cost} queries")
    assert cost <= MOST


class Elements(HTMLParser):
    """Collects what a browser would make of a page: elements, and attributes by their names."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.injected: list[Any] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "injected" or any(name.startswith("injected") for name, _ in attrs):
            self.injected.append((tag, attrs))


# Gets out of an attribute, a title and a script.
HOSTILE = """\"'></title></script><injected {}>"""


@every_model
def test_what_people_wrote_injects_no_markup(browser: Browser, model: type[Model]) -> None:
    row = Rows(HOSTILE).make(model)
    for address in (list_of(model), page_of(row), "/admin/"):
        page = browser.get(address).content.decode()
        assert Elements(page).injected == []


@every_model
def test_nothing_can_be_deleted(browser: Browser, model: type[Model]) -> None:
    row = Rows().make(model)
    delete = page_of(row).replace("/change/", "/delete/")
    body = {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"}

    assert browser.get(delete).status_code == 403
    assert browser.post(delete, {"post": "yes"}).status_code == 403
    browser.post(list_of(model), body)
    assert type(row)._default_manager.filter(pk=row.pk).exists()


EDITED = {"users.User", "auth.Group"}
EVIDENCE = [model for model in MODELS if model._meta.label not in EDITED]


@pytest.mark.parametrize("model", EVIDENCE, ids=lambda model: model._meta.label)
def test_evidence_can_be_neither_added_nor_edited(browser: Browser, model: type[Model]) -> None:
    row = Rows().make(model)
    page = browser.get(page_of(row)).content.decode()

    assert browser.get(f"{list_of(model)}add/").status_code == 403
    assert 'name="_save"' not in page
    if model._meta.label != "social.Case":
        assert browser.post(page_of(row), {}).status_code == 403


@pytest.mark.parametrize("query", ["%", "'", "ab", "@", "@nobody", "9" * 40, "x" * 5000, "a\x00b"])
def test_odd_searches_do_no_harm(browser: Browser, query: str) -> None:
    for address in ("users/user", "social/comment", "procrastinate/procrastinatejob"):
        assert browser.get(f"/admin/{address}/", {"q": query}).status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "query",
    [
        "social/comment/?content=a%00b",
        "social/comment/?content__regex=(",
        "social/like/?created_at__year=99999999999999999999",
        "procrastinate/procrastinatejob/?status=junk",
        "procrastinate/procrastinatejob/?args__icontains=%00",
    ],
)
def test_what_cannot_be_compared_leads_back_to_the_list(browser: Browser, query: str) -> None:
    answer = browser.get(f"/admin/{query}")

    assert (answer.status_code, answer.headers["Location"]) == (
        302,
        f"/admin/{query.partition('?')[0]}?e=1",
    )
    assert browser.get(answer.headers["Location"]).status_code == 200


def test_an_id_that_no_row_can_have_is_no_error(browser: Browser) -> None:
    for page in ("change", "history"):
        answer = browser.get(f"/admin/videos/notification/a%00b/{page}/")
        assert answer.status_code == 302


@pytest.mark.parametrize("chosen", ["junk", "9" * 40, "\x00"])
def test_choosing_what_is_no_row_does_nothing(browser: Browser, chosen: str) -> None:
    for address, action in (
        ("social/comment", "decide"),
        ("users/user", "sign_out_everywhere"),
        ("procrastinate/procrastinatejob", "retry"),
    ):
        body = {"action": action, "_selected_action": [chosen]}
        assert browser.post(f"/admin/{address}/", body).status_code == 302


@every_model
def test_no_column_without_an_index_is_sorted_by(browser: Browser, model: type[Model]) -> None:
    Rows().make(model)
    with captured_queries() as usual:
        browser.get(list_of(model))
    columns = [f"{sign}{number}" for number in (1, 2, 3, 5, 8) for sign in ("", "-")]
    orders = set()
    for column in columns:
        with captured_queries() as statements:
            assert browser.get(list_of(model), {"o": column}).status_code == 200
        orders.add(statements[-1].rpartition("ORDER BY")[2])

    assert usual[-1].rpartition("ORDER BY")[2] in orders
    assert len(orders) <= 2
