"""House rules of the shared parts: nothing inline, every icon drawn, and the style guide shows every part."""

import re
from pathlib import Path

import pytest
from django.template import Context, engines
from django.template.loader import render_to_string
from django.test import RequestFactory

from accounts.templatetags.portwarden import STATES
from config.styleguide import StyleguideView

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
PARTIALS = sorted(path.name for path in (ROOT / "templates" / "partials").glob("_*.html"))
SPRITE = set(re.findall(r'<symbol id="([^"]+)"', (ROOT / "config/static/icons.svg").read_text("utf-8")))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_template_has_nothing_inline(path: Path) -> None:
    text = path.read_text("utf-8")

    assert not re.search(r"\sstyle=", text), "style attribute: the content security policy drops it"
    assert not re.search(r"\son[a-z]+=|hx-on", text), "inline handler"
    assert not re.search(r"<style|<script(?![^>]*\ssrc=)", text), "inline style or script"
    assert "https://" not in re.sub(r">[^<]*<|\{#.*?#\}", "", text), "address of another host"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_icons_of_a_template_are_in_the_sprite(path: Path) -> None:
    used = set(re.findall(r'\{% icon "([^"]+)"(?!\|)', path.read_text("utf-8")))

    assert used <= SPRITE


def test_icons_of_the_states_are_in_the_sprite() -> None:
    assert {state.icon for state in STATES.values() if state.icon} <= SPRITE


def test_partials_are_listed_in_their_readme() -> None:
    readme = (ROOT / "templates/partials/README.md").read_text("utf-8")

    internal = {"_logo.html", "_nav.html", "_topbar.html", "_toasts.html"}
    assert [name for name in PARTIALS if name not in internal and f"`{name[:-5]}`" not in readme] == []


def test_style_guide_renders_whole(rf: RequestFactory) -> None:
    request = rf.get("/styleguide/")
    response = StyleguideView.as_view()(request)

    html = response.render().content.decode()

    assert "Coverage unknown" in html
    assert "{%" not in html
    assert "{{" not in html


@pytest.mark.parametrize("name", ["400.html", "403.html", "404.html", "500.html"])
def test_error_page_needs_no_request(name: str) -> None:
    html = render_to_string(name)

    assert "<h1>" in html


def test_unknown_coverage_is_never_drawn_as_an_arc() -> None:
    html = _part("_coverage_stamp", stamp={"state": "unknown", "read": 3, "total": 3, "feed_updated_at": None})

    assert "stamp-arc" not in html
    assert "Coverage unknown" in html


def test_uncounted_tally_shows_dashes() -> None:
    html = _part("_severity_tally", counts=None)

    assert html.count("<dd>–</dd>") == 5


def test_absent_exploited_flag_is_blank_and_a_checked_one_is_not() -> None:
    assert _part("_exploited", value=None).strip() == ""
    assert "Not known to be exploited" in _part("_exploited", value=False)


def _part(name: str, **context: object) -> str:
    template = engines["django"].engine.get_template(f"partials/{name}.html")
    return template.render(Context(context))
