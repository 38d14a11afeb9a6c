"""House rules of pages and views, held against the files themselves. A failure says the rule and the place."""

import inspect
import re
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib import admin
from django.template.loader import get_template
from django.urls import URLPattern

from accounts.audit import ACTIONS
from tests.web.conftest import APPS, url_patterns

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SOURCES = sorted(path for app in APPS for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts)
TEMPLATE_IDS = [str(path.relative_to(ROOT / "templates")) for path in TEMPLATES]

COMMENT = re.compile(r"\{#.*?#\}|\{% comment %\}.*?\{% endcomment %\}|<!--.*?-->", re.DOTALL)
FORM = re.compile(r"<form\b[^>]*>.*?</form>", re.DOTALL | re.IGNORECASE)
TAG = re.compile(
    r"<(?P<name>[a-z][a-z0-9-]*)(?P<attributes>(?:\{%.*?%\}|\{\{.*?\}\}|\"[^\"]*\"|'[^']*'|[^>\"'{]|\{)*)>", re.DOTALL
)
ALLOWED_WITH_REASON = {
    "integrations/webhook_views.py": {
        "csrf_exempt": "Vendors have no session; the secret in the address stands for it, and no cookie is looked at."
    },
}
SAFE_WITH_REASON = {
    "partials/_field.html": "help texts are written in our forms.py, as in Django's own form templates",
}

FORBIDDEN = {
    "inline script: put it into app.js": re.compile(r"<script(?![^>]*\bsrc=)", re.IGNORECASE),
    "inline style: use a class of app.css": re.compile(r"<style\b|\sstyle\s*=", re.IGNORECASE),
    "event attribute: delegate in app.js": re.compile(r"\son[a-z]+\s*=", re.IGNORECASE),
    "hx-on evaluates code, which the policy forbids": re.compile(r"\bhx-on\b|\bhx-vals\s*=\s*['\"]js:", re.IGNORECASE),
    "javascript: address": re.compile(r"javascript:", re.IGNORECASE),
    "escaping switched off": re.compile(r"\{%\s*autoescape\s+off|\|\s*safeseq\b", re.IGNORECASE),
    "file from another host": re.compile(
        r"<(?:script|link|img|iframe|source)\b[^>]*(?:src|href)=[\"'](?:https?:)?//", re.IGNORECASE
    ),
    "unfinished work": re.compile(r"\b(?:TODO|FIXME|XXX|lorem ipsum)\b", re.IGNORECASE),
}


def text_of(path: Path) -> str:
    """The template without its comments, which may name what is forbidden."""
    return COMMENT.sub("", path.read_text())


@pytest.mark.parametrize("path", TEMPLATES, ids=TEMPLATE_IDS)
def test_a_template_compiles(path: Path) -> None:
    get_template(str(path.relative_to(ROOT / "templates")))


@pytest.mark.parametrize("rule", FORBIDDEN)
@pytest.mark.parametrize("path", TEMPLATES, ids=TEMPLATE_IDS)
def test_a_template_keeps_to_the_house_rules(path: Path, rule: str) -> None:
    found = FORBIDDEN[rule].search(text_of(path))
    assert not found, f"{rule}: {found.group()!r} in {path.name}" if found else ""


@pytest.mark.parametrize("path", TEMPLATES, ids=TEMPLATE_IDS)
def test_no_template_trusts_a_value_as_markup(path: Path) -> None:
    name = str(path.relative_to(ROOT / "templates"))
    uses = len(re.findall(r"\|\s*safe\b", text_of(path)))
    assert uses == (1 if name in SAFE_WITH_REASON else 0), f"|safe in {name}"


@pytest.mark.parametrize("path", TEMPLATES, ids=TEMPLATE_IDS)
def test_every_posting_form_carries_the_csrf_token(path: Path) -> None:
    for form in FORM.findall(text_of(path)):
        opening = form[: form.index(">")]
        if re.search(r"method=[\"']post", opening, re.IGNORECASE):
            assert "{% csrf_token %}" in form, f"a form of {path.name} has no csrf_token: {opening}"


@pytest.mark.parametrize("path", TEMPLATES, ids=TEMPLATE_IDS)
def test_every_link_that_htmx_follows_has_an_address_without_it(path: Path) -> None:
    for tag in TAG.finditer(text_of(path)):
        if tag["name"] == "a" and "hx-get" in tag["attributes"]:
            assert re.search(r"(?<!-)\bhref=", tag["attributes"]), f"{path.name}: {tag.group()[:120]}"
        if "hx-post" in tag["attributes"]:
            assert tag["name"] in {"form", "button"}, f"{path.name}: {tag.group()[:120]}"


@pytest.mark.parametrize("path", TEMPLATES, ids=TEMPLATE_IDS)
def test_every_head_cell_says_what_it_heads(path: Path) -> None:
    for tag in TAG.finditer(text_of(path)):
        if tag["name"] == "th":
            assert "scope=" in tag["attributes"], f"{path.name}: {tag.group()}"


@pytest.mark.parametrize("name", sorted(url_patterns()))
def test_every_view_says_which_methods_it_answers(name: str) -> None:
    pattern: URLPattern = url_patterns()[name]
    if hasattr(pattern.callback, "view_class"):
        return  # Django's own class-based views declare http_method_names
    module = inspect.getmodule(inspect.unwrap(pattern.callback))
    assert module is not None
    source = inspect.getsource(module)
    decorators = re.search(rf"((?:^@.*\n)+)def {inspect.unwrap(pattern.callback).__name__}\(", source, re.MULTILINE)
    assert decorators, f"{name} has no decorator"
    assert "require_" in decorators[1], f"{name} does not say which methods it answers"


@pytest.mark.parametrize("path", SOURCES, ids=[str(path.relative_to(ROOT)) for path in SOURCES])
def test_a_source_file_opens_no_back_door(path: Path) -> None:
    text = path.read_text()
    for word in ("csrf_exempt", "mark_safe(", "pickle.loads", "yaml.load(", "verify=False", "shell=True", "eval("):
        if word in ALLOWED_WITH_REASON.get(str(path.relative_to(ROOT)), {}):
            continue
        found = re.search(rf"(?<![\w.]){re.escape(word)}", text)
        assert not found, f"{word} in {path.relative_to(ROOT)}"


@pytest.mark.parametrize("path", SOURCES, ids=[str(path.relative_to(ROOT)) for path in SOURCES])
def test_every_recorded_action_has_a_sentence_in_the_audit_log(path: Path) -> None:
    calls = re.findall(r"\baction\s*=\s*((?:\"[a-z_.]+\"| if \w+ else )+)", path.read_text())
    actions = {action for call in calls for action in re.findall(r"\"([a-z_]+\.[a-z_]+)\"", call)}
    assert actions <= set(ACTIONS), f"say them in accounts/audit.py: {actions - set(ACTIONS)}"


@pytest.mark.parametrize(
    "model", sorted(apps.get_app_config("accounts").get_models(), key=str), ids=lambda m: m.__name__
)
def test_every_row_of_accounts_is_within_the_operators_reach(model: type) -> None:
    assert admin.site.is_registered(model)
