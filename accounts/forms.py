"""The forms of accounts: set-up, log in, people and their groups, one's own name and password, filters."""

import re
from dataclasses import replace
from typing import Any

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import password_validation
from django.contrib.auth.forms import AuthenticationForm

from accounts import dashboards
from accounts.audit import ACTIONS
from accounts.filters import Chip, FilterForm
from accounts.models import Group, Organization, User

ANY = ("", "Any")
OBJECT_QUERY = re.compile(r"[a-z]+#\d+")
NO_MATCH = "This e-mail address and password do not match. Check both; letter case matters in the password."
PASSWORD_FIELD: dict[str, Any] = {"strip": False, "max_length": 1024}
"""Spaces are part of a password; nothing longer is hashed, because hashing costs in proportion."""


class LowercaseAddress:
    """Makes every spelling of an address one address, so that the limit of failed logins cannot be spread over them."""

    cleaned_data: dict[str, Any]

    def clean_username(self) -> str:
        return str(self.cleaned_data["username"]).strip().lower()


class LoginForm(LowercaseAddress, AuthenticationForm):
    """E-mail and password. The same sentence for an unknown address and for a wrong password."""

    error_messages = {
        "invalid_login": NO_MATCH,
        "inactive": NO_MATCH,
    }
    username = forms.EmailField(
        label="E-mail", max_length=254, widget=forms.EmailInput(attrs={"autofocus": True, "autocomplete": "username"})
    )
    password = forms.CharField(
        label="Password",
        **PASSWORD_FIELD,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class OperatorLoginForm(LowercaseAddress, AdminAuthenticationForm):
    """Django admin's own form, counted by address as ours is."""


class NewPassword(forms.Form):
    """A new password, typed twice and checked by the password validators against `user`."""

    password = forms.CharField(
        label="New password", **PASSWORD_FIELD, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )
    again = forms.CharField(
        label="New password again", **PASSWORD_FIELD, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    def __init__(self, *args: Any, user: User | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.rules = password_validation.password_validators_help_texts()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        password = cleaned.get("password")
        if password and "again" in cleaned and cleaned["again"] != password:
            self.add_error("again", "The two passwords differ. Type the same one twice.")
        elif password:
            try:
                password_validation.validate_password(password, self.checked_user())
            except forms.ValidationError as error:
                self.add_error("password", error)
        return cleaned

    def checked_user(self) -> User | None:
        """The person whose name and address the password must not repeat."""
        return self.user


class SetupForm(NewPassword):
    """The first start: the organization and its administrator."""

    organization_name = forms.CharField(label="Organization", max_length=120, help_text="Shown on every page.")
    name = forms.CharField(label="Your name", max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    email = forms.EmailField(
        label="E-mail",
        max_length=254,
        help_text="You log in with it.",
        widget=forms.EmailInput(attrs={"autocomplete": "username"}),
    )
    field_order = ["organization_name", "name", "email", "password", "again"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].label, self.fields["again"].label = "Password", "Password again"

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()

    def checked_user(self) -> User | None:
        return User(name=self.cleaned_data.get("name", ""), email=self.cleaned_data.get("email", ""))


class PasswordChangeForm(NewPassword):
    """A new password of one's own, with the present one."""

    current = forms.CharField(
        label="Present password",
        **PASSWORD_FIELD,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    field_order = ["current", "password", "again"]

    def clean_current(self) -> str:
        current = str(self.cleaned_data["current"])
        if self.user is None or not self.user.check_password(current):
            raise forms.ValidationError("This is not your present password.")
        return current


class ProfileForm(forms.Form):
    name = forms.CharField(label="Name", max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))


class GroupChoice(forms.ModelMultipleChoiceField):
    """Groups with the role that each gives."""

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.name} ({dashboards.ROLE_WORDS[obj.role].lower()})"


class GroupsForm(forms.Form):
    """The groups of a member; without any they are a member who may see nothing."""

    groups = GroupChoice(queryset=Group.objects.none(), required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["groups"].queryset = organization.groups.order_by("name")  # type: ignore[attr-defined]  # a GroupChoice


class UserCreateForm(GroupsForm):
    """A new person; the address must not be anyone's yet."""

    name = forms.CharField(label="Name", max_length=120)
    email = forms.EmailField(label="E-mail", max_length=254, help_text="The person logs in with it.")
    field_order = ["name", "email", "groups"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["groups"].required = True
        self.fields["groups"].error_messages["required"] = "Choose at least one group: it gives the role."

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class UserFilterForm(FilterForm):
    q = forms.CharField(
        label="Search", max_length=120, widget=forms.SearchInput(attrs={"placeholder": "Name or e-mail"})
    )
    kind = forms.ChoiceField(label="Kind", choices=[ANY, *dashboards.KINDS])
    status = forms.ChoiceField(label="Status", choices=[ANY, *dashboards.STATUSES])
    role = forms.ChoiceField(label="Role", choices=[ANY, *dashboards.ROLES])

    def filters(self) -> dashboards.UserFilters:
        return {
            "q": self.value("q"),
            "kind": self.value("kind"),
            "status": self.value("status"),
            "role": self.value("role"),
        }


class AuditFilterForm(FilterForm):
    q = forms.CharField(
        label="Search", max_length=254, widget=forms.SearchInput(attrs={"placeholder": "Name of a user or registry"})
    )
    actor = forms.ChoiceField(label="By")
    action = forms.ChoiceField(
        label="Action", choices=[ANY, *((name, action.label) for name, action in ACTIONS.items())]
    )

    def __init__(self, *args: Any, actors: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["actor"].choices = [ANY, *actors]  # type: ignore[attr-defined]  # a ChoiceField

    def chips(self) -> list[Chip]:
        """As everywhere; the search that a link to one object makes ("registry#7") is said as that."""
        return [
            replace(chip, label="Object", value=chip.value.replace("#", " "))
            if OBJECT_QUERY.fullmatch(chip.value)
            else chip
            for chip in super().chips()
        ]

    def filters(self) -> dashboards.AuditFilters:
        return {"q": self.value("q"), "actor": self.value("actor"), "action": self.value("action")}
