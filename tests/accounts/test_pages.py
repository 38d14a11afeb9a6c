"""The pages of accounts, as the cast sees them."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEvent, Organization, User
from accounts.roles import Role
from accounts.services import service_user_ensure, user_set_active
from integrations.models import Registry
from scans.models import Trigger
from scans.services import ScanRefused, scan_request
from tests import factories
from tests.conftest import Cast

LOGIN = "/login/"
GOOD = "seven grey herons"
SETUP_ANSWERS = {
    "organization_name": "Acme",
    "name": "Ann",
    "email": "Ann@acme.example",
    "password": GOOD,
    "again": GOOD,
}


def log_in(client: Client, email: str, password: str = factories.PASSWORD, **extra: str):
    return client.post(LOGIN, {"username": email, "password": password, **extra})


# --- the first start ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/login/", "/administration/users/", "/operators/", "/nowhere/"])
def test_an_empty_portal_leads_everything_to_the_set_up_page(db: None, client: Client, path: str) -> None:
    assert client.get(path).headers["Location"] == "/setup/"


def test_the_set_up_page_says_what_a_password_must_be(db: None, client: Client) -> None:
    assert b"at least 12 characters" in client.get("/setup/").content


def test_setting_up_makes_the_administrator_and_logs_them_in(db: None, client: Client) -> None:
    response = client.post("/setup/", SETUP_ANSWERS)
    assert response.headers["Location"] == "/"
    ann = User.objects.get()
    assert ann.email == "ann@acme.example"
    assert ann.membership.role is Role.ADMINISTRATOR
    assert client.session["_auth_user_id"] == str(ann.pk)


def test_a_weak_password_sets_nothing_up(db: None, client: Client) -> None:
    response = client.post("/setup/", {**SETUP_ANSWERS, "password": "password", "again": "password"})
    assert response.status_code == 422
    assert not Organization.objects.exists()


def test_two_different_passwords_set_nothing_up(db: None, client: Client) -> None:
    response = client.post("/setup/", {**SETUP_ANSWERS, "again": "seven grey geese"})
    assert b"The two passwords differ" in response.content
    assert not Organization.objects.exists()


@pytest.mark.parametrize("method", ["get", "post"])
def test_the_set_up_page_is_closed_for_ever_after(cast: Cast, method: str) -> None:
    response = getattr(cast.client(None), method)("/setup/", SETUP_ANSWERS)
    assert response.headers["Location"] == LOGIN
    assert Organization.objects.count() == 2


# --- logging in -----------------------------------------------------------------------------------------------------


def test_a_person_logs_in_by_address_in_any_letter_case(cast: Cast, client: Client) -> None:
    response = log_in(client, cast.vic.email.upper())
    assert response.headers["Location"] == "/"


def test_a_wrong_password_and_an_unknown_address_read_the_same(cast: Cast, client: Client) -> None:
    wrong = log_in(client, cast.vic.email, "wrong")
    unknown = log_in(client, "nobody@nowhere.example", "wrong")
    message = b"This e-mail address and password do not match"
    assert message in wrong.content
    assert message in unknown.content


def test_a_deactivated_person_is_refused_like_a_wrong_password(cast: Cast, client: Client) -> None:
    user_set_active(user=cast.vic, active=False, actor=cast.olga)
    assert b"do not match" in log_in(client, cast.vic.email).content


def test_logging_in_goes_on_to_the_page_that_was_asked_for(cast: Cast, client: Client) -> None:
    assert (
        log_in(client, cast.olga.email, next="/administration/users/").headers["Location"] == "/administration/users/"
    )


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_logging_in_never_leads_to_another_site(cast: Cast, client: Client, elsewhere: str) -> None:
    assert log_in(client, cast.olga.email, next=elsewhere).headers["Location"] == "/"


def test_an_operator_without_an_organization_goes_to_the_operators_pages(cast: Cast, client: Client) -> None:
    User.objects.create_superuser("root@ops.example", factories.PASSWORD, name="Root")
    assert log_in(client, "root@ops.example").headers["Location"] == "/operators/"


def test_too_many_wrong_passwords_close_the_door_and_say_for_how_long(cast: Cast, client: Client) -> None:
    for _ in range(5):
        response = log_in(client, cast.vic.email, "wrong")
    assert response.status_code == 429
    assert b"Try again in 15 min" in response.content
    assert log_in(client, cast.vic.email).status_code == 429


def test_spelling_the_address_differently_does_not_buy_more_tries(cast: Cast, client: Client) -> None:
    for number in range(5):
        email = cast.vic.email
        response = log_in(client, email[:number].upper() + email[number:], "wrong")
    assert response.status_code == 429


def test_logging_out_needs_a_post_and_ends_the_session(cast: Cast) -> None:
    client = cast.client(cast.vic)
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/").headers["Location"] == LOGIN
    assert client.get("/profile/").status_code == 302


# --- one's own profile ----------------------------------------------------------------------------------------------


def test_people_change_their_own_name(cast: Cast) -> None:
    cast.client(cast.vic).post("/profile/", {"name": "Victor"})
    cast.vic.refresh_from_db()
    assert cast.vic.name == "Victor"
    assert AuditEvent.objects.get(action="user.rename").detail == {"name": ["Vic", "Victor"]}


def test_a_changed_password_keeps_this_session_and_ends_the_others(cast: Cast) -> None:
    here, there = cast.client(cast.vic), cast.client(cast.vic)
    answers = {"current": factories.PASSWORD, "password": GOOD, "again": GOOD}
    assert here.post("/profile/password/", answers).status_code == 302
    assert here.get("/profile/").status_code == 200
    assert there.get("/profile/").status_code == 302


def test_the_present_password_must_be_right(cast: Cast) -> None:
    answers = {"current": "wrong", "password": GOOD, "again": GOOD}
    response = cast.client(cast.vic).post("/profile/password/", answers)
    assert response.status_code == 422
    assert b"This is not your present password" in response.content


def test_ending_the_other_sessions_leaves_this_one_and_other_people_alone(cast: Cast) -> None:
    here, there, mia = cast.client(cast.vic), cast.client(cast.vic), cast.client(cast.mia)
    here.post("/profile/sessions/end/")
    assert [client.get("/profile/").status_code for client in (here, there, mia)] == [200, 302, 200]


# --- users ----------------------------------------------------------------------------------------------------------


def names_on(response: object) -> list[str]:
    return [row.name for row in response.context["page"].rows]  # type: ignore[attr-defined]


def test_the_users_page_lists_people_and_service_users_of_this_organization_only(cast: Cast) -> None:
    service = service_user_ensure(organization=cast.organization, actor=None)
    response = cast.client(cast.olga).get("/administration/users/")
    assert names_on(response) == [service.name, "Mia", "Olga", "Vic"]
    assert b"Service user" in response.content


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("kind=service", ["robot"]),
        ("kind=person", ["Mia", "New", "Olga", "Vic"]),
        ("status=inactive", ["Vic"]),
        ("status=invited", ["New"]),
        ("status=active", ["robot", "Mia", "Olga"]),
        ("role=viewer", ["Vic"]),
        ("role=administrator", ["robot", "Olga"]),
        ("role=none", ["New"]),
        ("q=mi", ["Mia"]),
        ("q=%20olga@", ["Olga"]),
        ("kind=person&role=viewer&q=zz", []),
    ],
)
def test_users_are_filtered(cast: Cast, query: str, names: list[str]) -> None:
    service = service_user_ensure(organization=cast.organization, actor=None)
    factories.invited(cast.organization, "New")
    user_set_active(user=cast.vic, active=False, actor=cast.olga)
    response = cast.client(cast.olga).get(f"/administration/users/?{query}")
    assert names_on(response) == [service.name if name == "robot" else name for name in names]


def test_an_active_filter_is_said_in_words_and_can_be_removed(cast: Cast) -> None:
    response = cast.client(cast.olga).get("/administration/users/?role=viewer&q=vic&after=x")
    chips = {(chip.label, chip.value, chip.remove_url) for chip in response.context["chips"]}
    assert chips == {("Search", "vic", "?role=viewer"), ("Role", "Viewer", "?q=vic")}


def test_a_filter_that_is_not_on_offer_is_named_as_an_error(cast: Cast) -> None:
    response = cast.client(cast.olga).get("/administration/users/?role=emperor")
    assert response.status_code == 200
    assert b"emperor is not one of the available choices" in response.content


def test_every_user_is_on_exactly_one_page_forwards_and_backwards(cast: Cast) -> None:
    for number in range(120):
        factories.member(cast.organization, f"Hand{number:03}", "viewers")
    client, url = cast.client(cast.olga), "/administration/users/"
    pages = [client.get(url).context["page"]]
    while pages[-1].next_cursor:
        pages.append(client.get(url, {"after": pages[-1].next_cursor}).context["page"])
    names = [row.name for page in pages for row in page.rows]
    assert len(pages) == 3
    assert len(names) == len(set(names)) == 123
    back = client.get(url, {"before": pages[2].previous_cursor}).context["page"]
    assert back.rows == pages[1].rows
    first = client.get(url, {"before": back.previous_cursor}).context["page"]
    assert first.rows == pages[0].rows
    assert first.previous_cursor is None


@pytest.mark.parametrize(
    "cursor", ["x", "!!!", "W10", "WzEsMl0", "WyJcdTAwMDAiLDFd", "WyJhIiwxZTk5OV0", "WyJhIixOYU5d"]
)
@pytest.mark.parametrize("page", ["users", "audit"])
def test_a_forged_cursor_shows_the_first_page(cast: Cast, page: str, cursor: str) -> None:
    assert cast.client(cast.olga).get(f"/administration/{page}/?after={cursor}").status_code == 200


# --- one user -------------------------------------------------------------------------------------------------------


def link_on(content: bytes) -> str:
    found = re.search(r"http://testserver(/password/[^<\"\s]+)", content.decode())
    assert found, "no set-password link on the page"
    return found[1]


def add_user(cast: Cast) -> tuple[User, str]:
    group = cast.organization.groups.get(name="viewers")
    answers = {"name": "Wim", "email": "wim@harbour.example", "groups": [group.pk]}
    response = cast.client(cast.olga).post("/administration/users/new/", answers)
    assert response.status_code == 200
    return User.objects.get(email="wim@harbour.example"), link_on(response.content)


def set_password(client: Client, link: str, password: str = GOOD):
    shown = client.get(link, follow=True)
    return client.post(shown.request["PATH_INFO"], {"password": password, "again": password})


def test_a_new_user_sets_a_password_by_the_link_and_logs_in(cast: Cast, client: Client) -> None:
    wim, link = add_user(cast)
    assert not wim.has_usable_password()
    assert set_password(client, link).headers["Location"] == LOGIN
    assert log_in(client, wim.email, GOOD).headers["Location"] == "/"
    assert AuditEvent.objects.get(action="user.password").detail == {"by_link": True}


def test_a_set_password_link_works_once(cast: Cast, client: Client) -> None:
    _, link = add_user(cast)
    set_password(client, link)
    assert b"does not work any more" in client.get(link).content


def test_a_set_password_link_ends_after_three_days(cast: Cast, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    _, link = add_user(cast)
    later = timezone.now() + timedelta(days=3, minutes=1)
    monkeypatch.setattr(
        "django.contrib.auth.tokens.PasswordResetTokenGenerator._now", lambda _: later.replace(tzinfo=None)
    )
    assert b"does not work any more" in client.get(link).content


def test_a_set_password_link_of_a_deactivated_user_does_not_work(cast: Cast, client: Client) -> None:
    wim, link = add_user(cast)
    user_set_active(user=wim, active=False, actor=cast.olga)
    assert b"does not work any more" in client.get(link).content


def test_a_weak_password_behind_the_link_is_refused(cast: Cast, client: Client) -> None:
    wim, link = add_user(cast)
    response = set_password(client, link, "wim@harbour.example")
    assert b"too similar" in response.content
    wim.refresh_from_db()
    assert not wim.has_usable_password()


def test_a_new_link_replaces_a_forgotten_password(cast: Cast, client: Client) -> None:
    response = cast.client(cast.olga).post(f"/administration/users/{cast.vic.pk}/link/")
    assert "no-store" in response.headers["Cache-Control"]
    set_password(client, link_on(response.content))
    cast.vic.refresh_from_db()
    assert cast.vic.check_password(GOOD)


def test_a_service_user_gets_no_link(cast: Cast) -> None:
    service = service_user_ensure(organization=cast.organization, actor=None)
    response = cast.client(cast.olga).post(f"/administration/users/{service.pk}/link/", follow=True)
    assert b"never logs in" in response.content


def test_an_address_in_use_is_refused_in_any_letter_case(cast: Cast) -> None:
    group = cast.organization.groups.get(name="viewers")
    answers = {"name": "Other", "email": cast.sam.email.upper(), "groups": [group.pk]}
    response = cast.client(cast.olga).post("/administration/users/new/", answers)
    assert response.status_code == 422
    assert b"in use already" in response.content


def test_a_group_of_another_organization_cannot_be_chosen(cast: Cast) -> None:
    foreign = cast.elsewhere.groups.get(name="admins")
    response = cast.client(cast.olga).post(f"/administration/users/{cast.vic.pk}/", {"groups": [foreign.pk]})
    assert response.status_code == 422
    assert cast.vic.membership.role is Role.VIEWER


def test_changed_groups_change_the_role_at_once(cast: Cast) -> None:
    group = cast.organization.groups.get(name="admins")
    vic = cast.client(cast.vic)
    assert vic.get("/administration/users/").status_code == 403
    cast.client(cast.olga).post(f"/administration/users/{cast.vic.pk}/", {"groups": [group.pk]})
    assert vic.get("/administration/users/").status_code == 200


def test_the_last_administrator_keeps_the_role_and_is_told_why(cast: Cast) -> None:
    response = cast.client(cast.olga).post(f"/administration/users/{cast.olga.pk}/", {"groups": []})
    assert response.status_code == 422
    assert b"last administrator" in response.content
    assert cast.olga.membership.role is Role.ADMINISTRATOR


def test_administrators_cannot_deactivate_themselves(cast: Cast) -> None:
    response = cast.client(cast.olga).post(f"/administration/users/{cast.olga.pk}/deactivate/", follow=True)
    assert b"cannot deactivate your own account" in response.content
    cast.olga.refresh_from_db()
    assert cast.olga.is_active


def test_a_deactivated_users_session_ends_with_the_next_request(cast: Cast) -> None:
    vic = cast.client(cast.vic)
    assert vic.get("/profile/").status_code == 200
    cast.client(cast.olga).post(f"/administration/users/{cast.vic.pk}/deactivate/")
    assert vic.get("/profile/").headers["Location"] == "/login/?next=/profile/"


def test_a_page_kept_up_to_date_by_htmx_leaves_for_the_login_page_as_a_whole(cast: Cast) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/administration/users/?q=a"}
    response = cast.client(None).get("/administration/users/", headers=headers)
    assert response.headers["HX-Redirect"] == "/login/?next=%2Fadministration%2Fusers%2F%3Fq%3Da"


def test_deactivating_a_service_user_says_how_many_registries_stop(cast: Cast) -> None:
    for name in ("harbour", "quay", "pier"):
        row = factories.registry(cast.organization, name)
    url = f"/administration/users/{row.service_user_id}/deactivate/"
    assert b"<strong>3 registries</strong> will stop being scanned" in cast.client(cast.olga).get(url).content


def test_scans_refuse_to_start_for_a_deactivated_service_user_and_activating_it_heals_them(cast: Cast) -> None:
    row = factories.registry(cast.organization)
    olga, url = cast.client(cast.olga), f"/administration/users/{row.service_user_id}"
    olga.post(f"{url}/deactivate/")
    row.refresh_from_db()
    with pytest.raises(ScanRefused, match="is deactivated"):
        scan_request(registry=row, trigger=Trigger.MANUAL, actor=cast.olga)
    assert b"Scans do not start" in olga.get(f"{url}/").content
    olga.post(f"{url}/activate/")
    assert scan_request(registry=Registry.objects.get(), trigger=Trigger.MANUAL, actor=cast.olga)[1]


# --- audit log ------------------------------------------------------------------------------------------------------


def events_on(response: object) -> list[str]:
    return [row.action for row in response.context["page"].rows]  # type: ignore[attr-defined]


def test_the_audit_log_shows_the_newest_first_in_words(cast: Cast) -> None:
    user_set_active(user=cast.vic, active=False, actor=cast.olga)
    response = cast.client(cast.olga).get("/administration/audit/")
    assert events_on(response)[0] == "user.deactivate"
    assert "deactivated" in response.content.decode()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("action=user.deactivate", 1),
        ("actor=system", 1),
        ("actor={olga}&action=user.deactivate", 1),
        ("q=user%23{vic}", 2),
        ("q=vic", 2),
        ("actor={mia}&action=user.deactivate", 0),
    ],
)
def test_the_audit_log_is_filtered(cast: Cast, query: str, expected: int) -> None:
    user_set_active(user=cast.vic, active=False, actor=cast.olga)
    query = query.format(olga=cast.olga.pk, vic=cast.vic.pk, mia=cast.mia.pk)
    assert len(events_on(cast.client(cast.olga).get(f"/administration/audit/?{query}"))) == expected


def test_the_history_of_one_object_is_said_as_such(cast: Cast) -> None:
    response = cast.client(cast.olga).get(f"/administration/audit/?q=user%23{cast.vic.pk}")
    assert [(chip.label, chip.value) for chip in response.context["chips"]] == [("Object", f"user {cast.vic.pk}")]


def test_the_audit_log_of_another_organization_stays_there(cast: Cast) -> None:
    user_set_active(user=cast.vic, active=False, actor=cast.olga)
    assert "user.deactivate" not in events_on(cast.client(cast.sam).get("/administration/audit/"))
