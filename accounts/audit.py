"""The audit log in human words: what each action did, and the details that were kept with it.

Knows every action that the portal records (a test compares); an unknown one is shown by its dotted name, never hidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

UNSAID = "–"


@dataclass(frozen=True, slots=True)
class Action:
    """How an action is shown: a verb for sentences ("connected"), a label for the filter, and its icon."""

    label: str
    verb: str
    icon: str


ACTIONS: Mapping[str, Action] = {
    "portal.setup": Action("Portal set up", "set up the portal for", "check"),
    "organization.create": Action("Organization created", "created the organization", "users"),
    "user.create": Action("User created", "created the user", "user"),
    "user.rename": Action("Name changed", "changed the name of", "edit"),
    "user.groups": Action("Groups changed", "changed the groups of", "users"),
    "user.activate": Action("User activated", "activated", "check"),
    "user.deactivate": Action("User deactivated", "deactivated", "pause"),
    "user.link": Action("Set-password link made", "made a set-password link for", "link"),
    "user.password": Action("Password changed", "changed the password of", "key"),
    "user.sessions_end": Action("Sessions ended", "ended the other sessions of", "logout"),
    "service_user.create": Action("Service user created", "created the service user", "robot"),
    "registry.connect": Action("Registry connected", "connected the registry", "registry"),
    "registry.update": Action("Registry settings changed", "changed the settings of the registry", "edit"),
    "registry.reconnect": Action("Registry connection changed", "changed the connection of the registry", "key"),
    "registry.enable": Action("Registry enabled", "enabled the registry", "check"),
    "registry.disable": Action("Registry disabled", "disabled the registry", "pause"),
    "registry.webhook": Action("Registry webhook changed", "changed the webhook of the registry", "link"),
    "registry.delete": Action("Registry deleted", "deleted the registry", "trash"),
    "scan.request": Action("Scan requested", "asked for a scan of the registry", "play"),
    "scan.cancel": Action("Scan cancelled", "cancelled a scan of the registry", "stop"),
}

CHANGES = frozenset({"registry.update", "user.groups", "user.rename"})
"""Actions whose details are pairs of before and after."""

_LABELS = {
    "by_link": "By set-password link",
    "sessions": "Sessions",
    "credentials_replaced": "Credentials replaced",
    "scan_interval": "Scan interval",
    "max_tags": "Tags of each repository",
}


def action_shown(action: str) -> Action:
    """The words for `action`; an unknown one speaks for itself."""
    return ACTIONS.get(action) or Action(action, f"did {action} on", "dot")


def detail_lines(action: str, detail: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """(label, text) of what was kept with an event; what a change keeps as [before, after] reads "before → after"."""
    return tuple(
        (
            _LABELS.get(key, key.replace("_", " ").capitalize()),
            _change(value) if action in CHANGES else _text(value),
        )
        for key, value in detail.items()
    )


def _change(value: Any) -> str:
    if isinstance(value, list) and len(value) == 2:
        return f"{_text(value[0])} → {_text(value[1])}"
    return _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value) or UNSAID
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_text(item)}" for key, item in value.items()) or UNSAID
    return str(value) if value not in (None, "") else UNSAID
