"""The forms of a registry's connection and of its pull settings, used by the wizard and by `connect_registry` alike.

They check shapes and explain what is wrong; they never contact a registry and never render a secret.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.models import Organization
from integrations.connections.base import Field, Kind
from integrations.fields import SealedSecrets, Secrets
from integrations.generated import Permitted, generated_random
from integrations.models import Registry, ScanInterval
from integrations.outside import outside
from integrations.providers.base import NO_OFFERS, Offers
from integrations.services import CONFIGURATION_FIELDS
from integrations.validation import (
    platform_clean,
    printable_clean,
    repository_pattern_clean,
    secret_validate,
    tag_pattern_clean,
)

LIST_MAX = 500
FIELD_MAX = 2048
SECRET_MAX = 16_384
_USERINFO = re.compile(r"(?<=//)[^/]*@|^[^/]*@")
_SEPARATORS = re.compile(r"[\s,]+")


@dataclass(frozen=True, slots=True)
class Kept:
    """Secrets that a blank password field stands for. They may only be sent to `origin`."""

    origin: str
    secrets: Secrets
    until: datetime | None = None
    """When a draft's secrets are forgotten; None for a registry's stored ones."""


class WordsTextarea(forms.Textarea):
    """A text box for words that also takes the ticked boxes of `CheckboxSelectMultiple` under the same name."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        return "\n".join(data.getlist(name)) if hasattr(data, "getlist") else data.get(name)


class ListField(forms.CharField):
    """Several words in one text box, by line, comma or space; cleaned to a list without duplicates."""

    def __init__(self, *, check: Callable[[str], str], separator: str = "\n", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check, self.separator = check, separator

    def prepare_value(self, value: Any) -> Any:
        if isinstance(self.widget, forms.CheckboxSelectMultiple):
            return value
        return self.separator.join(value) if isinstance(value, list | tuple) else value

    def clean(self, value: Any) -> list[str]:
        value = "\n".join(value) if isinstance(value, list | tuple) else value
        words = list(dict.fromkeys(word for word in _SEPARATORS.split(super().clean(value)) if word))
        if len(words) > LIST_MAX:
            raise ValidationError(f"At most {LIST_MAX} entries; these are {len(words)}. Use patterns instead.")
        return list(dict.fromkeys(self.check(word) for word in words))


class CheckedField(forms.CharField):
    """A line of text that the kind's own function cleans."""

    def __init__(self, *, check: Callable[[str], str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check = check

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        return self.check(text) if text else ""

    def bound_data(self, data: Any, initial: Any) -> Any:
        """What a refused form shows again: without the password that someone wrote into the address."""
        text = super().bound_data(data, initial)
        return _USERINFO.sub("", text) if isinstance(text, str) else text


class ConnectionForm(forms.Form):
    """The Connection step of a kind: a name (for a new registry) and the kind's own fields.

    `offers` are what a connection test has found to choose from: the field's text box becomes a list of boxes to tick.
    `kept` are secrets entered or stored before, best first: a blank secret field means the first of them whose origin
    is the one of the URL. For another origin they must be typed again, so that nobody can send them elsewhere.
    `generated` are the only values that the portal's own fields may have (see `generated_values`); without it, as for
    the command, they may be given or are made up.
    """

    name = forms.CharField(
        max_length=80,
        label="Name",
        help_text="How this registry is called in Portwarden. Unique in your organization.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(
        self,
        *args: Any,
        kind: Kind,
        organization: Organization | None = None,
        registry: Registry | None = None,
        kept: Iterable[Kept] = (),
        offers: Offers = NO_OFFERS,
        generated: Permitted | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.kind, self.organization, self.kept = kind, organization, tuple(kept)
        self.generated: Permitted = generated or {}
        if registry is not None:
            del self.fields["name"]
        for field in kind.fields:
            self.fields[field.name] = _form_field(field)
            self.fields[field.name].is_expected = field.is_expected or field.is_generated  # type: ignore[attr-defined]
            if offers.get(field.name):
                self.fields[field.name].widget = forms.CheckboxSelectMultiple(choices=offers[field.name])
                self.fields[field.name].help_text = "Tick what to read. Nothing ticked: all of it."
            if self.generated.get(field.name):
                self._show_generated(field.name, self.generated[field.name])
        if any(kept.secrets for kept in self.kept):
            self._invite_blank()
        self.secrets: Secrets = Secrets()
        self.secrets_stored = False
        """True when the registry's own stored secrets go on being used."""

    @property
    def config(self) -> dict[str, Any]:
        """The plain fields, without empty ones. Valid forms only."""
        plain = (field.name for field in self.kind.fields if not field.secret)
        return {name: self.cleaned_data[name] for name in plain if self.cleaned_data[name]}

    def clean_name(self) -> str:
        name = printable_clean(self.cleaned_data["name"])
        taken = Registry.objects.for_organization(self.organization) if self.organization else Registry.objects.none()
        if taken.filter(name=name).exists():
            raise ValidationError("Another registry of your organization has this name. Choose a different one.")
        return name

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        self._settle_generated(cleaned)
        typed = {name: cleaned[name] for name in self.kind.secret_names if cleaned.get(name)}
        if not self.errors:
            self._settle_secrets(cleaned, typed)
        return cleaned

    def _show_generated(self, name: str, permitted: tuple[str, ...]) -> None:
        self.fields[name].widget.attrs["readonly"] = True
        if self.initial.get(name) not in permitted:
            self.initial[name] = permitted[0]

    def _settle_generated(self, cleaned: dict[str, Any]) -> None:
        """Fills in what the portal makes itself; nobody may choose it in a form."""
        for field in self.kind.fields:
            if not field.is_generated or field.name in self.errors:
                continue
            permitted = self.generated.get(field.name, ())
            if not cleaned.get(field.name):
                cleaned[field.name] = permitted[0] if permitted else generated_random()
            elif permitted and cleaned[field.name] not in permitted:
                self.add_error(
                    field.name,
                    "This is made by Portwarden and cannot be chosen. Open the page again for the right one.",
                )

    def _settle_secrets(self, cleaned: Mapping[str, Any], typed: dict[str, str]) -> None:
        """Decides which secrets go with these fields: the typed ones, kept ones of the same origin, or none."""
        for name, message in self.kind.clean(cleaned, bool(typed), outside()).items():
            self.add_error(name, message)
        if typed or self.errors:
            self.secrets = Secrets(typed)
            return
        if not self.kind.wants_secret(cleaned):
            return
        secret, origin = self.kind.secret_names[0], self.kind.origin(cleaned)
        usable = next((kept for kept in self.kept if kept.origin == origin and kept.secrets), None)
        if usable is None:
            self.add_error(secret, self._secrets_missing())
        elif isinstance(usable.secrets, SealedSecrets):
            self.add_error(secret, "What is stored cannot be decrypted any more. Enter it again.")
        else:
            self.secrets, self.secrets_stored = usable.secrets, usable.until is None

    def _invite_blank(self) -> None:
        """Says beside the secret fields that they may stay empty, and how long that holds."""
        until = next((kept.until for kept in self.kept if kept.secrets), None)
        text = "Stored. Leave it empty to keep it; it is sent only where it was entered for."
        if until is not None:
            text = f"Entered already, kept encrypted until {timezone.localtime(until):%H:%M}. Leave it empty to use it."
        for name in self.kind.secret_names:
            self.fields[name].help_text = text
            self.fields[name].widget.attrs["placeholder"] = "entered already" if until else "stored"

    def _secrets_missing(self) -> str:
        if any(kept.secrets for kept in self.kept):
            label = self.fields[self.kind.secret_names[0]].label or ""
            return (
                f"Enter the {label[:1].lower()}{label[1:]} again: the connection now goes to another place or account, "
                "and what is stored is never used but where it was entered for."
            )
        return self.kind.missing


class ConfigurationForm(forms.Form):
    """The Configuration step: when to scan, and what."""

    scan_interval = forms.ChoiceField(
        choices=ScanInterval.choices,
        label="Scan interval",
        help_text="A first scan starts at once. A tag that has not changed since is not read again.",
        error_messages={"invalid_choice": f"Choose one of: {', '.join(ScanInterval.values)}."},
    )
    max_tags = forms.IntegerField(
        min_value=1,
        max_value=1000,
        label="Newest tags of each repository",
        help_text="Older ones are listed as out of window.",
    )
    include_repositories = ListField(
        check=repository_pattern_clean,
        required=False,
        label="Include repositories",
        help_text="Patterns, one on each line; * stands for any characters. Empty: all repositories.",
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "team/*", "spellcheck": "false"}),
    )
    exclude_repositories = ListField(
        check=repository_pattern_clean,
        required=False,
        label="Exclude repositories",
        help_text="Wins over the patterns that include.",
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "*/cache", "spellcheck": "false"}),
    )
    include_tags = ListField(
        check=tag_pattern_clean,
        required=False,
        label="Include tags",
        help_text="Patterns, one on each line. Empty: all tags.",
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "v*", "spellcheck": "false"}),
    )
    exclude_tags = ListField(
        check=tag_pattern_clean,
        required=False,
        label="Exclude tags",
        help_text="Wins over the patterns that include.",
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "*-rc*", "spellcheck": "false"}),
    )
    max_age_days = forms.IntegerField(
        min_value=1,
        max_value=3650,
        required=False,
        label="Not older than",
        help_text="By push time, else build time. Older ones are listed as out of window. Empty: any age.",
    )
    max_image_mb = forms.IntegerField(
        min_value=1,
        max_value=1_000_000,
        required=False,
        label="Not larger than",
        help_text="Compressed layers together. Larger ones are named as too large. Empty: any size.",
    )
    platforms = ListField(
        check=platform_clean,
        separator=", ",
        required=False,
        label="Platforms",
        widget=forms.TextInput(attrs={"placeholder": "linux/amd64, linux/arm64", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields[
            "platforms"
        ].help_text = (
            f"Of images that are published for several. Empty: the portal's default, {settings.SCAN_DEFAULT_PLATFORM}."
        )

    @staticmethod
    def defaults() -> dict[str, Any]:
        """What a new registry starts with."""
        return {"scan_interval": ScanInterval.DAILY.value, "max_tags": 10}

    @property
    def settings_(self) -> dict[str, Any]:
        """Pull settings as the services take them. Valid forms only."""
        return {name: self.cleaned_data[name] for name in CONFIGURATION_FIELDS}


class RegistryEditForm(ConfigurationForm):
    """The Configuration step of a registry that exists: its name can change as well."""

    name = forms.CharField(max_length=80, label="Name", help_text="Unique in your organization.")
    field_order = ["name"]

    def __init__(self, *args: Any, registry: Registry, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.registry = registry
        self.fields["scan_interval"].help_text = "A tag that has not changed since its last scan is not read again."

    def clean_name(self) -> str:
        name = printable_clean(self.cleaned_data["name"])
        others = Registry.objects.for_organization(self.registry.organization).exclude(pk=self.registry.pk)
        if others.filter(name=name).exists():
            raise ValidationError("Another registry of your organization has this name. Choose a different one.")
        return name


def _form_field(field: Field) -> forms.Field:
    """The form field of a row in KINDS."""
    common: dict[str, Any] = {"label": field.label, "help_text": field.help, "required": field.required}
    attrs = {"placeholder": field.placeholder, "spellcheck": "false", "autocomplete": "off", "autocapitalize": "none"}
    if field.secret:
        attrs = {"autocomplete": "new-password"}
        secret = forms.CharField(**common, strip=False, max_length=SECRET_MAX, widget=forms.PasswordInput(attrs=attrs))
        secret.validators.append(secret_validate)
        return secret
    check = field.clean or printable_clean
    if field.many:
        return ListField(**common, check=check, widget=WordsTextarea(attrs={**attrs, "rows": 4}))
    if field.choices:
        return forms.ChoiceField(**common, choices=field.choices)
    if field.name == "url":
        attrs["inputmode"] = "url"
    return CheckedField(**common, check=check, max_length=FIELD_MAX, widget=forms.TextInput(attrs=attrs))
