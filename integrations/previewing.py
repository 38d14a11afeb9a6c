"""The preview of the wizard's Configuration step: what the draft's registry answered, under the settings just typed."""

from django import forms
from django.contrib.sessions.backends.base import SessionBase
from django.urls import reverse
from django.utils import timezone

from accounts.http import OrganizationRequest
from integrations.connecting import draft_key
from integrations.drafts import CHECKS_MAX, Draft, check_allowed, draft_listing, draft_listing_keep
from integrations.forms import ConfigurationForm
from integrations.kinds import Kind
from integrations.preview import Panel, repositories_preview, repository_chosen, tags_preview
from integrations.preview_listing import Listing, listing_pack, listing_unpack, repositories_ask, tags_ask
from integrations.selection import PullSettings

ASK_AGAIN = "ask_again"
REPOSITORY = "preview_repository"
SELECTING = (
    "max_tags",
    "max_age_days",
    "max_image_mb",
    "platforms",
    "include_repositories",
    "exclude_repositories",
    "include_tags",
    "exclude_tags",
)
"""The fields that decide what is selected."""
TOO_OFTEN = f"The registry can be asked {CHECKS_MAX} times a minute. Wait a minute, then ask again."
EXPIRED = "The connection is no longer kept: 30 minutes have passed. Go back to Connection and enter it again."


def form_settings(form: forms.Form) -> tuple[PullSettings, tuple[str, ...]]:
    """The settings that a form comes to, and of each field that cannot be read what is wrong; it is left out."""
    if not form.is_bound:
        return PullSettings.from_form(form.initial), ()
    form.is_valid()
    wrong = form.errors.get_json_data()
    unclear = (
        f"{form.fields[name].label}: {' '.join(error['message'] for error in wrong[name])}"
        for name in SELECTING
        if name in wrong
    )
    return PullSettings.from_form(form.cleaned_data), tuple(unclear)


def preview_url(kind: Kind) -> str:
    return reverse("integrations:registry_connect_preview", args=[kind.kind.value])


def panel_expired(kind: Kind) -> Panel:
    return Panel(preview_url(kind), problem=EXPIRED)


def panel_kept(request: OrganizationRequest, kind: Kind, draft: Draft, form: ConfigurationForm) -> Panel:
    """The panel of a page as it opens: from what was listed before. Asks nothing; a connection that was tested with
    success lets the page ask by itself, any other waits for the button."""
    packed = draft_listing(request.session, draft_key(kind))
    if packed is None:
        return Panel(preview_url(kind), may_ask=True, loads=draft.proven)
    return _panel(kind, form, listing_unpack(packed), request.POST.get(REPOSITORY, ""))


def panel_asked(request: OrganizationRequest, kind: Kind, draft: Draft, form: ConfigurationForm) -> Panel:
    """The panel for settings just typed. Asks the registry for what is not known yet, or again where that is wished."""
    key, posted = draft_key(kind), request.POST.get(REPOSITORY, "")
    packed = draft_listing(request.session, key)
    before = listing_unpack(packed) if packed else None
    listing = None if ASK_AGAIN in request.POST else before
    paid = False
    if listing is None:
        if not _may_ask(request.session):
            return _panel(kind, form, before, posted, TOO_OFTEN)
        listing, paid = repositories_ask(kind.kind.value, draft), True
    wanted = _wanted(form, listing, posted)
    if wanted and wanted not in listing.tags:
        if not paid and not _may_ask(request.session):
            return _panel(kind, form, listing, "", TOO_OFTEN)
        listing, paid = listing.with_tags(wanted, tags_ask(kind.kind.value, draft, wanted)), True
    if paid:
        draft_listing_keep(request.session, key, listing_pack(listing), draft)
    return _panel(kind, form, listing, posted)


def _may_ask(session: SessionBase) -> bool:
    """Counts the question at once, in the store: the next request must see it while this one still waits."""
    allowed = check_allowed(session)
    session.save()
    return allowed


def _wanted(form: ConfigurationForm, listing: Listing, posted: str) -> str:
    settings, _ = form_settings(form)
    shown = repositories_preview(settings, listing.names, chosen=posted)
    return repository_chosen(posted, shown.choices, tuple(listing.tags))


def _panel(kind: Kind, form: ConfigurationForm, listing: Listing | None, posted: str, refused: str = "") -> Panel:
    settings, unclear = form_settings(form)
    if listing is None:
        return Panel(preview_url(kind), may_ask=True, refused=refused, unclear=unclear)
    shown = repositories_preview(settings, listing.names, more=listing.more, chosen=posted)
    chosen = repository_chosen(posted, shown.choices, tuple(listing.tags))
    known = listing.tags.get(chosen)
    return Panel(
        preview_url(kind),
        source="Asked of the registry",
        asked_at=listing.asked_at,
        may_ask=True,
        repositories=shown if listing.names or not listing.problem else None,
        tags=tags_preview(settings, chosen, known, now=timezone.now()) if known else None,
        problem=listing.problem,
        refused=refused,
        unclear=unclear,
    )
