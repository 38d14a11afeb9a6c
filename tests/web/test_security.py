"""What the portal promises about headers, cookies, passwords, sessions and secrets, asked of the running pages."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from accounts.models import Organization, User
from tests import factories
from tests.conftest import Cast
from tests.web.access_table import BY_SECRET, POST_ONLY
from tests.web.conftest import Samples, url_patterns

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(url_patterns())
PAGES = [name for name in NAMES if name not in POST_ONLY]
PLANTED = "planted-secret"
BACKEND_FREE = {"Content-Security-Policy", "X-Frame-Options", "X-Content-Type-Options", "Referrer-Policy"}


# --- every page -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_every_page_has_a_strict_content_security_policy(samples: Samples, name: str) -> None:
    response = samples.cast.client(samples.cast.olga).get(samples.url(name))
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "object-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert set(response.headers) >= BACKEND_FREE


@pytest.mark.parametrize("path", ["/nowhere/", "/login/", "/operators/login/"])
def test_pages_of_nobody_have_the_headers_too(cast: Cast, client: Client, path: str) -> None:
    response = client.get(path)
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "same-origin"


def test_a_refused_page_has_the_headers_too(cast: Cast) -> None:
    response = cast.client(cast.vic).get("/administration/users/")
    assert response.status_code == 403
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("name", PAGES)
def test_no_page_shows_a_stored_credential(samples: Samples, name: str) -> None:
    content = samples.cast.client(samples.cast.olga).get(samples.url(name), follow=True).content
    assert PLANTED.encode() not in content
    assert b"pbkdf2_" not in content


@pytest.mark.parametrize("name", [name for name in NAMES if name not in BY_SECRET])
def test_no_post_works_without_the_csrf_token(samples: Samples, name: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(samples.cast.olga, backend="accounts.backends.EmailBackend")
    assert client.post(samples.url(name)).status_code in {403, 405}


# --- operators ------------------------------------------------------------------------------------------------------


def operator() -> User:
    return User.objects.create_superuser("root@ops.example", factories.PASSWORD, name="Root")


def test_the_operators_pages_are_closed_to_members_of_every_role(cast: Cast) -> None:
    for user in (cast.olga, cast.mia, cast.vic):
        assert cast.client(user).get("/operators/").headers["Location"].startswith("/operators/login/")


@pytest.mark.parametrize("name", PAGES)
def test_no_members_page_links_to_the_operators_pages(samples: Samples, name: str) -> None:
    assert b"/operators/" not in samples.cast.client(samples.cast.olga).get(samples.url(name)).content


def test_the_operators_pages_never_show_a_stored_credential(samples: Samples) -> None:
    client = samples.cast.client(operator())
    rows = [samples.scan.registry, samples.scan, samples.cast.vic, samples.cast.organization]
    for row in (row for row in rows if admin.site.is_registered(type(row))):
        for address in ("changelist", "change"):
            name = f"admin:{row._meta.app_label}_{row._meta.model_name}_{address}"
            response = client.get(reverse(name, args=[row.pk] if address == "change" else []))
            assert response.status_code == 200
            assert PLANTED.encode() not in response.content
            assert b'<textarea name="secrets"' not in response.content


def test_the_operators_login_counts_wrong_passwords_whatever_the_spelling(cast: Cast, client: Client) -> None:
    email = operator().email
    assert email
    for number in range(5):
        spelling = email[:number].upper() + email[number:]
        response = client.post("/operators/login/", {"username": spelling, "password": "wrong"})
    assert response.status_code == 429


def test_a_new_organization_of_the_operators_comes_with_its_groups(cast: Cast) -> None:
    answers = {"name": "New Quay", "slug": "new-quay"}
    cast.client(operator()).post("/operators/accounts/organization/add/", answers)
    names = Organization.objects.get(slug="new-quay").groups.values_list("name", flat=True)
    assert set(names) == {"admins", "scan-managers", "viewers"}


@pytest.mark.parametrize("action", ["add/", "{pk}/delete/"])
def test_operators_cannot_write_the_audit_log(cast: Cast, action: str) -> None:
    event = cast.organization.audit_events.first()
    assert event is not None
    url = "/operators/accounts/auditevent/" + action.format(pk=event.pk)
    assert cast.client(operator()).post(url, {"post": "yes"}).status_code == 403
    assert cast.organization.audit_events.filter(pk=event.pk).exists()


# --- sessions and cookies -------------------------------------------------------------------------------------------


def test_logging_in_changes_the_session_key(cast: Cast, client: Client) -> None:
    session = client.session
    session["planted"] = True
    session.save()
    before = session.session_key
    client.post("/login/", {"username": cast.vic.email, "password": factories.PASSWORD})
    assert client.session.session_key != before


def test_a_session_that_was_logged_out_cannot_be_used_again(cast: Cast) -> None:
    client = cast.client(cast.vic)
    stolen = client.cookies["portwarden_session"].value
    client.post("/logout/")
    thief = Client()
    thief.cookies["portwarden_session"] = stolen
    assert thief.get("/profile/").status_code == 302


def test_the_session_cookie_is_closed_to_scripts_and_other_sites(cast: Cast, client: Client) -> None:
    client.post("/login/", {"username": cast.vic.email, "password": factories.PASSWORD})
    cookie = client.cookies["portwarden_session"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_plain_http_is_redirected_and_https_is_remembered(cast: Cast, settings: Any) -> None:
    production = production_settings()
    for name in ("SECURE_SSL_REDIRECT", "SECURE_HSTS_SECONDS", "SECURE_HSTS_INCLUDE_SUBDOMAINS"):
        setattr(settings, name, production[name])
    assert Client().get("/login/").headers["Location"] == "https://testserver/login/"
    assert Client().get("/login/", secure=True).headers["Strict-Transport-Security"].startswith("max-age=31536000")


# --- settings as in production --------------------------------------------------------------------------------------

ASKED = (
    "DEBUG",
    "SESSION_COOKIE_SECURE",
    "CSRF_COOKIE_SECURE",
    "SESSION_COOKIE_HTTPONLY",
    "SECURE_SSL_REDIRECT",
    "SECURE_HSTS_SECONDS",
    "SECURE_HSTS_INCLUDE_SUBDOMAINS",
    "PASSWORD_HASHERS",
    "PASSWORD_RESET_TIMEOUT",
)


def production(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs Python in the environment that .env.example asks of a production host; it opens no database."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment = {
        **kept,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SECRET_KEY": "q7vB2m-Zr9LxTn4Ks8Wd1Hf6Yj3Pc5Gu0Ae-XoRiNwMtQbVzEyCk",
        "FIELD_KEYS": "3q2-796tvu_erb7v3q2-796tvu_erb7v3q2-796tvu8=",
        "DATABASE_URL": "postgres://portwarden@db.example/portwarden",
        "ALLOWED_HOSTS": "portwarden.example",
    }
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def production_settings() -> dict[str, object]:
    asked = f"{{name: getattr(settings, name) for name in {ASKED}}}"
    done = production("-c", f"import json; from django.conf import settings; print(json.dumps({asked}))")
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def test_production_settings_are_secure_by_default() -> None:
    answer = production_settings()
    assert answer["DEBUG"] is False
    assert answer["SESSION_COOKIE_SECURE"]
    assert answer["CSRF_COOKIE_SECURE"]
    assert answer["SESSION_COOKIE_HTTPONLY"]
    assert answer["SECURE_SSL_REDIRECT"]
    assert answer["PASSWORD_RESET_TIMEOUT"] == 3 * 86_400


def test_passwords_are_hashed_slowly_in_production() -> None:
    hashers = production_settings()["PASSWORD_HASHERS"]
    assert isinstance(hashers, list)
    assert hashers[0].endswith(("PBKDF2PasswordHasher", "Argon2PasswordHasher", "ScryptPasswordHasher"))
    assert not any(re.search("MD5|SHA1PasswordHasher$|Unsalted", name) and "PBKDF2" not in name for name in hashers)


def test_the_deployment_check_is_clean() -> None:
    done = production("manage.py", "check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no issues" in done.stdout


def test_a_production_host_without_its_secrets_does_not_start() -> None:
    done = production(
        "-c", "import os; os.environ['SECRET_KEY'] = ''; from django.conf import settings; settings.DEBUG"
    )
    assert done.returncode != 0
    assert "SECRET_KEY is not set" in done.stderr
