"""Filter forms: they read a list's GET parameters into criteria, and say the active filters in words.

A value that is none of the choices is an error shown on the page, never silently the whole list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest, QueryDict

from accounts.models import Organization
from integrations.models import Registry, RegistryAccess, RegistryKind, RegistryState
from scans.dashboards.criteria import (
    FindingCriteria,
    ImageCriteria,
    OutcomeCriteria,
    RegistryCriteria,
    VulnerabilityCriteria,
)
from scans.dashboards.images import os_choices
from scans.dashboards.paging import Position
from scans.dashboards.registries import SCANNING
from scans.dashboards.scans import NOT_SCANNED
from scans.models import ImageState, Outcome, Severity

ANY = ("", "Any")
CURSORS = ("after", "before")
BANDS = [(severity.band, severity.label) for severity in sorted(Severity, reverse=True)]
COUNTED_BANDS = [(band, label) for band, label in BANDS if band != "negligible"]
PACKAGE_TYPES = [
    ("deb", "Debian (deb)"),
    ("apk", "Alpine (apk)"),
    ("rpm", "RPM"),
    ("pypi", "Python (pypi)"),
    ("npm", "Node (npm)"),
    ("golang", "Go"),
    ("maven", "Java (maven)"),
    ("gem", "Ruby (gem)"),
    ("nuget", ".NET (nuget)"),
    ("cargo", "Rust (cargo)"),
    ("composer", "PHP (composer)"),
]


@dataclass(frozen=True, slots=True)
class Chip:
    """One active filter in words, with the address without it."""

    label: str
    value: str
    remove_url: str


class FilterForm(forms.Form):
    """A form of GET parameters. Fields that are not valid count as not given; their errors are shown."""

    q = forms.CharField(required=False, max_length=200, label="Search", strip=True)
    sort = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)

    searches = "Search"

    def __init__(self, request: HttpRequest, **extra: Any) -> None:
        super().__init__(request.GET, auto_id="filter_%s", use_required_attribute=False, **extra)
        self.request = request
        self.fields["q"].widget.attrs.update(type="search", autocomplete="off", placeholder=self.searches)

    def value(self, name: str) -> Any:
        """The cleaned value of a field; None or empty where it is not valid."""
        self.is_valid()
        return self.cleaned_data.get(name, "")

    def position(self) -> Position:
        get = self.request.GET
        return Position(after=get.get("after", ""), before=get.get("before", ""), sort=get.get("sort", ""))

    def chips(self) -> list[Chip]:
        """The active filters, in the order of the fields."""
        self.is_valid()
        found = []
        for name, field in self.fields.items():
            value = self.cleaned_data.get(name)
            if name == "sort" or value in (None, "", False, []):
                continue
            for one in value if isinstance(value, list) else [value]:
                words = "yes" if one is True else _words(field, one)
                found.append(Chip(str(field.label or name), words, self._without(name, one)))
        return found

    def _without(self, name: str, value: object) -> str:
        query: QueryDict = self.request.GET.copy()
        rest = [item for item in query.getlist(name) if item != str(getattr(value, "pk", value)) and value is not True]
        for key in (*CURSORS, name):
            query.pop(key, None)
        if rest and value is not True:
            query.setlist(name, rest)
        encoded = query.urlencode()
        return f"{self.request.path}?{encoded}" if encoded else self.request.path


class RegistryFilter(FilterForm):
    searches = "Name or host"
    kind = forms.ChoiceField(required=False, label="Kind", choices=[ANY, *RegistryKind.choices])
    access = forms.ChoiceField(required=False, label="Registry Access", choices=[ANY, *RegistryAccess.choices])
    status = forms.ChoiceField(
        required=False, label="Status", choices=[ANY, (SCANNING, "Scanning now"), *RegistryState.choices]
    )

    def criteria(self) -> RegistryCriteria:
        return RegistryCriteria(
            q=self.value("q"), kind=self.value("kind"), access=self.value("access"), status=self.value("status")
        )


class OutcomeFilter(FilterForm):
    searches = "Repository, tag or digest"
    outcome = forms.ChoiceField(
        required=False,
        label="Outcome",
        choices=[("", "All"), (NOT_SCANNED, "Should have been read, was not"), *Outcome.choices],
    )

    def criteria(self) -> OutcomeCriteria:
        return OutcomeCriteria(q=self.value("q"), outcome=self.value("outcome"))


class SearchFilter(FilterForm):
    """Nothing but the search box."""

    def criteria(self) -> OutcomeCriteria:
        return OutcomeCriteria(q=self.value("q"))


class RegistryChoiceMixin(FilterForm):
    """Adds the organization's own registries as a choice."""

    registry = forms.TypedChoiceField(required=False, label="Registry", coerce=int, empty_value=None)
    access = forms.ChoiceField(required=False, label="Registry Access", choices=[ANY, *RegistryAccess.choices])

    def __init__(self, request: HttpRequest, organization: Organization) -> None:
        super().__init__(request)
        names = Registry.objects.for_organization(organization).order_by("name").values_list("pk", "name")
        self.fields["registry"].choices = [ANY, *names]  # type: ignore[attr-defined]  # a choice field


class ImageFilter(RegistryChoiceMixin):
    searches = "Repository, tag or digest"
    os = forms.ChoiceField(required=False, label="OS")
    severity = forms.ChoiceField(required=False, label="Has", choices=[ANY, *COUNTED_BANDS])
    state = forms.ChoiceField(required=False, label="Read", choices=[ANY, *ImageState.choices])
    window = forms.ChoiceField(
        required=False, label="Window", choices=[("", "In window"), ("all", "Also older images")]
    )
    field_order = ("q", "registry", "access", "os", "severity", "state", "window", "sort")

    def __init__(self, request: HttpRequest, organization: Organization) -> None:
        super().__init__(request, organization)
        self.fields["os"].choices = [ANY, *os_choices(organization)]  # type: ignore[attr-defined]  # a choice field

    def criteria(self) -> ImageCriteria:
        return ImageCriteria(
            q=self.value("q"),
            registry=self.value("registry") or None,
            access=self.value("access"),
            os=self.value("os"),
            severity=self.value("severity"),
            state=self.value("state"),
            window=self.value("window") != "all",
        )


class FindingFilter(RegistryChoiceMixin):
    searches = "CVE or package"
    severity = forms.MultipleChoiceField(
        required=False, label="Severity", choices=BANDS, widget=forms.CheckboxSelectMultiple
    )
    type = forms.ChoiceField(required=False, label="Type", choices=[ANY, *PACKAGE_TYPES])
    fixable = forms.BooleanField(required=False, label="Fixable only")
    package = forms.CharField(required=False, label="Package", max_length=255, widget=forms.HiddenInput)
    image = forms.IntegerField(
        required=False, label="Image", min_value=1, max_value=2**63 - 1, widget=forms.HiddenInput
    )
    vulnerability = forms.CharField(required=False, label="Vulnerability", max_length=120, widget=forms.HiddenInput)
    field_order = ("q", "severity", "registry", "access", "type", "fixable", "sort")

    def criteria(self) -> FindingCriteria:
        return FindingCriteria(
            q=self.value("q"),
            severities=tuple(self.value("severity") or ()),
            fixable=bool(self.value("fixable")),
            type=self.value("type"),
            registry=self.value("registry") or None,
            access=self.value("access"),
            image=self.value("image") or None,
            package=self.value("package"),
            vulnerability=self.value("vulnerability"),
        )


class ImageFindingFilter(FilterForm):
    """The findings and packages of one image."""

    searches = "CVE, package or path"

    tab = forms.CharField(required=False, max_length=20, widget=forms.HiddenInput)
    severity = forms.MultipleChoiceField(
        required=False, label="Severity", choices=BANDS, widget=forms.CheckboxSelectMultiple
    )
    fixable = forms.BooleanField(required=False, label="Fixable only")

    def criteria(self) -> FindingCriteria:
        return FindingCriteria(
            q=self.value("q"),
            severities=tuple(self.value("severity") or ()),
            fixable=bool(self.value("fixable")),
        )


class VulnerabilityFilter(FilterForm):
    searches = "CVE, alias or words"
    severity = forms.ChoiceField(required=False, label="Severity", choices=[ANY, *BANDS])
    fixable = forms.BooleanField(required=False, label="Fixable only")

    def criteria(self) -> VulnerabilityCriteria:
        return VulnerabilityCriteria(
            q=self.value("q"), severity=self.value("severity"), fixable=bool(self.value("fixable"))
        )


def _words(field: forms.Field, value: object) -> str:
    choices: Any = getattr(field, "choices", ())
    return next((str(label) for key, label in choices if str(key) == str(value)), str(value))
