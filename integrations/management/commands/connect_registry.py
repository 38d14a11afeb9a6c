"""`connect_registry`: connects a registry from a shell or a script, through the wizard's own forms and services.

Secrets come on standard input only, never on the command line, and never appear in the output.
"""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.core.validators import validate_slug
from django.db import transaction

from accounts.commands import Exit, PortwardenCommand
from accounts.models import Organization
from accounts.services import organization_create
from integrations.fields import Secrets
from integrations.forms import SECRET_MAX, ConfigurationForm, ConnectionForm
from integrations.kinds import KINDS, Kind
from integrations.models import Registry, RegistryKind
from integrations.providers.base import CheckResult
from integrations.services import CONFIGURATION_FIELDS, RegistryNameTaken, connection_check, registry_connect

STDIN_MAX = 4 * SECRET_MAX
STEP_WORDS = {True: "ok", False: "FAILED", None: "skipped"}


class Command(PortwardenCommand):
    """Exit codes: 0 connected; 2 wrong usage; 3 the registry could not be reached or refused (nothing is saved)."""

    help = (
        "Connects a registry to an organization and asks for its first scan. The connection is tested first. "
        "Exit codes: 0 done, 2 wrong usage, 3 the registry could not be reached or refused (nothing is saved then)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organization", required=True, metavar="SLUG")
        parser.add_argument(
            "--create-organization", action="store_true", help="Make the organization if it is missing."
        )
        parser.add_argument("--kind", required=True, help=", ".join(RegistryKind.values))
        parser.add_argument("--name", required=True, help="Name of the registry in Portwarden.")
        parser.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="FIELD=VALUE",
            dest="fields",
            help=f"A field of the connection ({_fields_words(secret=False)}) or a pull setting "
            f"({', '.join(CONFIGURATION_FIELDS)}). Lists are comma-separated. Repeat for more fields.",
        )
        parser.add_argument(
            "--secrets-stdin",
            action="store_true",
            help='Read the secrets as one JSON object from standard input, such as {"password": "…"} '
            f"({_fields_words(secret=True)}).",
        )
        parser.add_argument("--no-check", action="store_true", help="Save without testing the connection.")

    def run(self, **options: Any) -> Exit:
        kind = _kind(options["kind"])
        slug = options["organization"]
        organization = _organization(slug, create=options["create_organization"])
        fields = _fields(kind, options["fields"])
        secrets = _secrets(kind, sys.stdin.read(STDIN_MAX + 1)) if options["secrets_stdin"] else Secrets()
        connection = ConnectionForm(
            {**fields, **secrets, "name": options["name"]}, kind=kind, organization=organization
        )
        configuration = ConfigurationForm({**ConfigurationForm.defaults(), **fields})
        _refuse_errors(connection, configuration)
        error = None if options["no_check"] else self._check(connection)
        registry = _save(slug, organization, connection, configuration, error)
        self.stdout.write(f"Connected {registry.name} (registry {registry.pk}) to the organization {slug}.")
        if registry.last_error:
            self.stderr.write(registry.last_error)
        else:
            self.stdout.write("Its first scan is queued; a running worker (manage.py qcluster) starts it.")
        return Exit.DONE

    def _check(self, form: ConnectionForm) -> str:
        """Tests the connection and prints each step; ends the command where it fails."""
        result = connection_check(form.kind.kind.value, form.config, form.secrets)
        for step in result.steps:
            self.stdout.write(f"[{STEP_WORDS[step.ok]}] {step.name}" + (f": {step.detail}" if step.detail else ""))
        if not result.ok:
            raise CommandError(_failure(result), returncode=Exit.UNREADABLE)
        return ""


def _fields_words(*, secret: bool) -> str:
    """Each kind's fields, the secret or the plain ones, for the help text."""
    rows = ((row.kind.value, [f.name for f in row.fields if f.secret is secret]) for row in KINDS.values())
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in rows if names)


def _kind(value: str) -> Kind:
    available = ", ".join(row.kind.value for row in KINDS.values() if row.available)
    if value not in RegistryKind.values:
        raise _usage(f"There is no kind of registry called {value[:40]}. Available: {available}.")
    row = KINDS[RegistryKind(value)]
    if not row.available:
        raise _usage(f"{row.label} cannot be connected yet. Available: {available}.")
    return row


def _organization(slug: str, *, create: bool) -> Organization | None:
    """The organization, or None where it is to be made."""
    found = Organization.objects.filter(slug=slug).first()
    if found is None and not create:
        raise _usage(f"There is no organization {slug[:60]}. Check the spelling, or add --create-organization.")
    try:
        validate_slug(slug)
    except ValidationError:
        raise _usage("An organization's slug has only letters, digits, hyphens and underscores.") from None
    if len(slug) > 60:
        raise _usage("An organization's slug has at most 60 characters.")
    return found


def _fields(kind: Kind, pairs: list[str]) -> dict[str, str]:
    """--set pairs by field name; refuses unknown ones, repeated ones, and secrets."""
    plain = [field.name for field in kind.fields if not field.secret]
    fields: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if name in kind.secret_names:
            raise _usage(f"{name} is a secret: give it as JSON on standard input, with --secrets-stdin.")
        if name not in (*plain, *CONFIGURATION_FIELDS):
            known = ", ".join((*plain, *CONFIGURATION_FIELDS))
            raise _usage(f"{kind.label} has no field {name[:40]}. Fields: {known}.")
        if not equals:
            raise _usage(f"--set {name} lacks its value. Write it as --set {name}=VALUE.")
        if name in fields:
            raise _usage(f"{name} is set twice. Separate the values of a list by commas.")
        fields[name] = value
    return fields


def _secrets(kind: Kind, text: str) -> Secrets:
    """The JSON object of standard input. Messages never repeat what was read."""
    names = ", ".join(kind.secret_names)
    if len(text) > STDIN_MAX:
        raise _usage(f"Standard input is longer than {STDIN_MAX} characters.")
    try:
        values = json.loads(text)
    except ValueError:
        raise _usage(f"Standard input is no JSON. Expected one object with: {names}.") from None
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise _usage(f"Standard input is no JSON object of texts. Expected one with: {names}.")
    if set(values) - set(kind.secret_names):
        raise _usage(f"The JSON object on standard input has fields that {kind.label} does not know. Known: {names}.")
    return Secrets(values)


def _refuse_errors(*forms: ConnectionForm | ConfigurationForm) -> None:
    lines = [
        f"{'' if field == '__all__' else f'{field}: '}{message}"
        for form in forms
        for field, messages in form.errors.items()
        for message in messages
    ]
    if lines:
        raise _usage("\n".join(lines))


def _failure(result: CheckResult) -> str:
    failed = next((step for step in result.steps if step.ok is False), None)
    if failed is None:
        return "The registry could not be read. Nothing is saved."
    return f"{failed.name}: {failed.detail} {failed.remedy}".rstrip() + "\nNothing is saved. --no-check saves untested."


@transaction.atomic
def _save(
    slug: str,
    organization: Organization | None,
    connection: ConnectionForm,
    configuration: ConfigurationForm,
    check_error: str | None,
) -> Registry:
    try:
        return registry_connect(
            organization=organization or organization_create(name=slug, slug=slug),
            actor=None,
            name=connection.cleaned_data["name"],
            kind=connection.kind.kind.value,
            config=connection.config,
            secrets=connection.secrets,
            settings_=configuration.settings_,
            check_error=check_error,
        )
    except RegistryNameTaken as error:
        raise _usage(str(error)) from error


def _usage(message: str) -> CommandError:
    return CommandError(message, returncode=Exit.USAGE)
