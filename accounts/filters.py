"""Forms of filter bars: everything is in the URL, and what is set can be said in words, each removable."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict

CURSORS = ("after", "before")


@dataclass(frozen=True, slots=True)
class Chip:
    """One active filter: "Role: Viewer", and the URL without it."""

    label: str
    value: str
    remove_url: str


class FilterForm(forms.Form):
    """A GET form without required fields. A value that is not on offer is an error that the page shows, not a guess."""

    use_required_attribute = False

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data)
        self._query = data
        for field in self.fields.values():
            field.required = False

    def chips(self) -> list[Chip]:
        """The active filters in words; a field with several values gives one chip each."""
        if not self.is_valid():
            return []
        return [
            Chip(str(self.fields[name].label), _words(self.fields[name], value), self._without(name, value))
            for name, chosen in self.cleaned_data.items()
            if chosen
            for value in (chosen if isinstance(chosen, list) else [chosen])
        ]

    def value(self, name: str) -> Any:
        """The cleaned value of a field; None for an invalid form's bad field or an empty one."""
        self.is_valid()
        return self.cleaned_data.get(name) or None

    def _without(self, name: str, value: Any) -> str:
        query = self._query.copy()
        query.setlist(name, [other for other in query.getlist(name) if other.strip() != str(value)])
        for cursor in CURSORS:
            query.pop(cursor, None)
        kept = QueryDict(mutable=True)
        for key, values in query.lists():
            kept.setlist(key, [text for text in values if text])
        return f"?{kept.urlencode()}"


def _words(field: forms.Field, value: Any) -> str:
    choices = dict(getattr(field, "choices", ()))
    return str(choices.get(value, value))
