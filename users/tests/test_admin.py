"""People and their sessions in Django admin."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from users.admin import AccountChangeForm, PasswordForm
from users.models import RefreshSession, User
from users.tests import browsers
from users.tests.browsers import Browser, browser_of, change_form, run_action, staff
from users.tests.factories import PASSWORD, UserFactory
from users.tests.queries import captured_queries
from users.tests.signing_in import log_in

pytestmark = pytest.mark.django_db

USERS = "/admin/users/user/"
SESSIONS = "/admin/users/refreshsession/"


@pytest.fixture
def superuser() -> User:
    """Return who may do everything."""
    return browsers.superuser()


@pytest.fixture
def browser(superuser: User) -> Browser:
    """Return a browser of a superuser."""
    return browser_of(superuser)


@pytest.mark.parametrize("name", ["ADMIN", "admin"])
def test_staff_sign_in_whatever_the_case_of_the_name(name: str) -> None:
    User.objects.create_superuser("admin", "admin@example.com", PASSWORD)
    browser = Browser()

    answer = browser.post(
        "/admin/login/?next=/admin/", {"username": name, "password": PASSWORD}, follow=True
    )

    assert answer.wsgi_request.path == "/admin/"
    assert answer.wsgi_request.user.is_authenticated


def test_a_suspension_ends_a_running_admin_session_and_forbids_another() -> None:
    moderator = UserFactory.create(is_staff=True)
    browser = browser_of(moderator)
    assert browser.get("/admin/").status_code == 200

    User.objects.filter(pk=moderator.pk).update(suspended_until=timezone.now() + timedelta(days=1))

    assert browser.get("/admin/").status_code == 302
    login = {"username": moderator.username, "password": PASSWORD}
    assert browser.post("/admin/login/?next=/admin/", login).status_code == 200


def test_people_who_are_not_staff_stay_outside(user: User) -> None:
    for address in ("/admin/", USERS, SESSIONS):
        assert browser_of(user).get(address).status_code == 302


def test_the_pages_of_people_open(browser: Browser, user: User) -> None:
    for address in (
        USERS,
        f"{USERS}add/",
        f"{USERS}{user.pk}/change/",
        f"{USERS}{user.pk}/history/",
    ):
        assert browser.get(address).status_code == 200
    assert user.username in browser.get(USERS).content.decode()


@pytest.mark.parametrize("field", ["username", "email", "fullname"])
def test_people_are_found(browser: Browser, field: str) -> None:
    UserFactory.create(username="needle", email="needle@example.com", fullname="Needle")
    UserFactory.create(username="haystack", email="haystack@example.com", fullname="Hay")

    page = browser.get(USERS, {"q": "NEEDLE"}).content.decode()

    assert "needle@example.com" in page
    assert "haystack@example.com" not in page


@pytest.mark.parametrize("query", ["%", "\x00", "'", "x" * 5000, "@", "@\x00", "@nobody", "9" * 40])
def test_odd_searches_do_no_harm(browser: Browser, query: str) -> None:
    for address in (USERS, SESSIONS):
        assert browser.get(address, {"q": query}).status_code == 200


def test_a_person_added_is_stored_in_lower_case_and_can_sign_in(browser: Browser) -> None:
    body = {
        "username": "Upper.Case",
        "email": "Upper@Case.Example",
        "fullname": "Upper Case",
        "usable_password": "true",
        "password1": "Tr0ub4dor and three",
        "password2": "Tr0ub4dor and three",
    }

    assert browser.post(f"{USERS}add/", body).status_code == 302

    user = User.objects.get(username="upper.case")
    assert user.email == "upper@case.example"
    assert log_in(user, "Tr0ub4dor and three").works()


def test_a_taken_name_is_refused_in_the_form(browser: Browser, user: User) -> None:
    body = {
        "username": user.username.upper(),
        "email": user.email.upper(),
        "fullname": "Another",
        "usable_password": "false",
    }

    answer = browser.post(f"{USERS}add/", body)

    assert answer.status_code == 200
    assert answer.content.decode().count("is already taken") == 2


def test_a_changed_name_is_stored_in_lower_case(browser: Browser, user: User) -> None:
    body = change_form(user, username="Upper.Case", email="Upper@Case.Example")

    assert browser.post(f"{USERS}{user.pk}/change/", body).status_code == 302

    user.refresh_from_db()
    assert (user.username, user.email) == ("upper.case", "upper@case.example")


def test_an_edit_of_the_name_leaves_people_signed_in(browser: Browser, user: User) -> None:
    device = log_in(user)

    browser.post(f"{USERS}{user.pk}/change/", change_form(user, fullname="Another"))

    user.refresh_from_db()
    assert user.fullname == "Another"
    assert device.works()


def test_how_people_stand_is_shown_and_cannot_be_edited(browser: Browser, user: User) -> None:
    User.objects.filter(pk=user.pk).update(suspension_reason="Spam in comments")
    page = browser.get(f"{USERS}{user.pk}/change/").content.decode()
    changes = {
        "is_active": "",
        "suspended_until_0": "2999-12-31",
        "suspended_until_1": "00:00:00",
        "suspension_reason": "Another",
    }
    answer = browser.post(f"{USERS}{user.pk}/change/", change_form(user, **changes))

    assert "Spam in comments" in page
    assert answer.status_code == 302
    user.refresh_from_db()
    assert user.may_sign_in
    assert user.suspension_reason == "Spam in comments"


def test_a_password_given_by_staff_ends_every_session(browser: Browser, user: User) -> None:
    device = log_in(user)
    new = "Tr0ub4dor and three"
    body = {"usable_password": "true", "password1": new, "password2": new, "set-password": "x"}

    assert browser.post(f"{USERS}{user.pk}/password/", body).status_code == 302

    assert not device.works()
    assert not device.can_refresh()
    user.refresh_from_db()
    assert user.check_password(new)


def test_people_cannot_be_deleted(browser: Browser, user: User) -> None:
    assert browser.post(f"{USERS}{user.pk}/delete/", {"post": "yes"}).status_code == 403
    run_action(browser, USERS, "delete_selected", user)

    assert User.objects.filter(pk=user.pk).exists()


def test_people_can_be_signed_out_everywhere(browser: Browser, user: User) -> None:
    device, stranger = log_in(user), log_in(UserFactory.create())
    log_in(user)

    page = run_action(browser, USERS, "sign_out_everywhere", user).content.decode()

    assert "2 sessions revoked." in page
    assert not device.works()
    assert not device.can_refresh()
    assert stranger.works()


def test_signing_people_out_takes_the_permission_to_change_them(user: User) -> None:
    device = log_in(user)

    run_action(browser_of(staff("view_user")), USERS, "sign_out_everywhere", user)
    assert device.works()

    run_action(browser_of(staff("change_user")), USERS, "sign_out_everywhere", user)
    assert not device.works()


def test_staff_who_may_change_people_cannot_give_powers(user: User) -> None:
    browser = browser_of(staff("view_user", "change_user", "add_user"))
    powers = {"is_staff": "on", "is_superuser": "on", "user_permissions": ["1", "2"]}

    answer = browser.post(f"{USERS}{user.pk}/change/", change_form(user, fullname="New", **powers))

    assert answer.status_code == 302
    user.refresh_from_db()
    assert user.fullname == "New"
    assert (user.is_staff, user.is_superuser) == (False, False)
    assert not user.user_permissions.exists()


@pytest.mark.parametrize("permission", ["change_user", "decide_people"])
def test_addresses_are_shown_to_who_needs_them(user: User, permission: str) -> None:
    browser = browser_of(staff("view_user", permission))
    User.objects.filter(pk=user.pk).update(email="needle@elsewhere.example")

    assert "needle@elsewhere.example" in browser.get(USERS, {"q": "elsewhere"}).content.decode()
    page = browser.get(f"{USERS}{user.pk}/change/").content.decode()
    assert "needle@elsewhere.example" in page


def test_who_decides_about_content_is_shown_no_address(user: User) -> None:
    browser = browser_of(staff("view_user", "decide_content"))
    User.objects.filter(pk=user.pk).update(email="needle@elsewhere.example")

    assert user.username in browser.get(USERS).content.decode()
    for address in (USERS, f"{USERS}{user.pk}/change/"):
        assert "elsewhere" not in browser.get(address).content.decode()
    assert user.username not in browser.get(USERS, {"q": "elsewhere"}).content.decode()
    guess = browser.get(USERS, {"email__startswith": "needle"})
    assert (guess.status_code, user.username in guess.content.decode()) == (400, False)


def test_staff_cannot_change_staff(superuser: User) -> None:
    moderator = staff("view_user", "change_user")
    browser = browser_of(moderator)
    new = "Tr0ub4dor and three"
    body = {"usable_password": "true", "password1": new, "password2": new, "set-password": "x"}

    for target in (superuser, moderator):
        page = f"{USERS}{target.pk}/"
        assert browser.get(f"{page}change/").status_code == 200
        form = change_form(target, is_superuser="on")
        assert browser.post(f"{page}change/", form).status_code == 403
        assert browser.post(f"{page}password/", body).status_code == 403
        target.refresh_from_db()
        assert target.check_password(PASSWORD)
    assert not moderator.is_superuser


def test_staff_cannot_change_a_superuser_who_is_not_staff_at_the_moment() -> None:
    resting = UserFactory.create(is_superuser=True)
    browser = browser_of(staff("view_user", "change_user"))
    new = "Tr0ub4dor and three"
    body = {"usable_password": "true", "password1": new, "password2": new, "set-password": "x"}

    assert browser.post(f"{USERS}{resting.pk}/password/", body).status_code == 403
    resting.refresh_from_db()
    assert resting.check_password(PASSWORD)


@pytest.mark.parametrize(("usable", "button"), [("true", "set"), ("false", "unset")])
def test_a_ban_during_an_edit_or_a_new_password_stays(
    browser: Browser, user: User, monkeypatch: pytest.MonkeyPatch, usable: str, button: str
) -> None:
    for form in (AccountChangeForm, PasswordForm):

        def ban(self: Any, clean: Any = form.clean) -> Any:
            User.objects.filter(pk=user.pk).update(is_active=False, suspension_reason="Spam")
            return clean(self)

        monkeypatch.setattr(form, "clean", ban)
    new = "Tr0ub4dor and three"
    body = {
        "usable_password": usable,
        "password1": new,
        "password2": new,
        f"{button}-password": "x",
    }
    page = f"{USERS}{user.pk}/"

    for address, sent in (("change", change_form(user, fullname="Another")), ("password", body)):
        assert browser.post(f"{page}{address}/", sent).status_code == 302
        assert not User.objects.get(pk=user.pk).is_active, address
        User.objects.filter(pk=user.pk).update(is_active=True)
    user.refresh_from_db()
    assert user.fullname == "Another"
    assert not user.check_password(PASSWORD)


def test_a_superuser_makes_someone_staff(browser: Browser, user: User) -> None:
    browser.post(f"{USERS}{user.pk}/change/", change_form(user, is_staff="on"))

    user.refresh_from_db()
    assert user.is_staff


def test_the_pages_of_sessions_open_and_show_no_digest(browser: Browser, user: User) -> None:
    session = log_in(user).session

    for address in (SESSIONS, f"{SESSIONS}{session.pk}/change/"):
        answer = browser.get(address)
        assert answer.status_code == 200
        assert user.username in answer.content.decode()
        assert session.digest not in answer.content.decode()


@pytest.mark.parametrize("query", ["@needle", "@NEEDLE", "10.1.2.3", "id", "id of the person"])
def test_sessions_are_found(browser: Browser, query: str) -> None:
    session = log_in(UserFactory.create(username="needle")).session
    RefreshSession.objects.update(address="10.1.2.3")
    other = log_in(UserFactory.create(username="haystack")).session
    ids = {"id": str(session.pk), "id of the person": str(session.user_id)}

    page = browser.get(SESSIONS, {"q": ids.get(query, query)}).content.decode()

    assert str(session.pk) in page
    assert str(other.pk) not in page


def test_sessions_cannot_be_added_edited_or_deleted(browser: Browser, user: User) -> None:
    session = log_in(user).session
    body = {"user": str(user.pk), "device": "changed", "used_at_0": "2026-01-01"}

    for page in ("add/", f"{session.pk}/change/", f"{session.pk}/delete/"):
        assert browser.post(f"{SESSIONS}{page}", {**body, "post": "yes"}).status_code == 403
    run_action(browser, SESSIONS, "delete_selected", session)

    assert RefreshSession.objects.get().device == session.device


def test_a_session_that_is_not_there_is_no_error(browser: Browser) -> None:
    assert browser.get(f"{SESSIONS}{uuid4()}/change/").status_code == 302
    assert browser.get(f"{SESSIONS}junk/change/").status_code == 302


def test_revoking_a_session_stops_its_tokens_at_once(browser: Browser, user: User) -> None:
    device, other = log_in(user), log_in(user)

    page = run_action(browser, SESSIONS, "revoke", device.session).content.decode()

    assert "1 sessions revoked." in page
    assert not device.works()
    assert not device.can_refresh()
    assert other.works()


def test_revoking_again_keeps_the_first_time(browser: Browser, user: User) -> None:
    session = log_in(user).session
    ended = timezone.now() - timedelta(days=1)
    RefreshSession.objects.update(revoked_at=ended)

    run_action(browser, SESSIONS, "revoke", session)

    assert RefreshSession.objects.get().revoked_at == ended


def test_who_may_only_look_cannot_revoke(user: User) -> None:
    device = log_in(user)
    browser = browser_of(staff("view_refreshsession"))

    assert browser.get(SESSIONS).status_code == 200
    assert "Revoke the chosen sessions" not in browser.get(SESSIONS).content.decode()
    run_action(browser, SESSIONS, "revoke", device.session)
    assert device.works()

    run_action(browser_of(staff("change_refreshsession")), SESSIONS, "revoke", device.session)
    assert not device.works()


def test_staff_without_permissions_see_neither(user: User) -> None:
    browser = browser_of(staff())

    assert browser.get(USERS).status_code == 403
    assert browser.get(SESSIONS).status_code == 403


@pytest.mark.parametrize("address", [USERS, SESSIONS])
def test_long_lists_cost_no_more_queries_than_short_ones(browser: Browser, address: str) -> None:
    counts = []
    for _ in range(2):
        for _ in range(3):
            log_in(UserFactory.create())
        browser.get(address)
        with captured_queries() as queries:
            assert browser.get(address).status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_moderators_sign_out_no_staff(superuser: User) -> None:
    device = log_in(superuser)

    run_action(browser_of(staff("change_user")), USERS, "sign_out_everywhere", superuser)
    moderator = staff("change_refreshsession", "view_refreshsession")
    run_action(browser_of(moderator), SESSIONS, "revoke", device.session)

    assert device.works()
    assert device.can_refresh()


@pytest.mark.parametrize("by", ["person", "session"])
def test_signing_someone_out_is_in_the_history(browser: Browser, user: User, by: str) -> None:
    session = log_in(user).session
    if by == "person":
        run_action(browser, USERS, "sign_out_everywhere", user)
        page = browser.get(f"{USERS}{user.pk}/history/")
        assert "Signed out on every device." in page.content.decode()
    else:
        run_action(browser, SESSIONS, "revoke", session)
        page = browser.get(f"{SESSIONS}{session.pk}/history/")
        assert "Revoked." in page.content.decode()


def test_a_digest_cannot_be_asked_for_by_filters(browser: Browser, user: User) -> None:
    session = log_in(user).session

    for lookup in ("digest", "digest__startswith", "digest__regex"):
        answer = browser.get(SESSIONS, {lookup: session.digest[:3]})
        assert str(session.pk) not in answer.content.decode()
        assert answer.status_code in {302, 400}
    assert str(session.pk) in browser.get(SESSIONS, {"address": "127.0.0.1"}).content.decode()
