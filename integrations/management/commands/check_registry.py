"""`check_registry`: tries a connected registry's stored connection and says step by step how that went.

It reads and never pulls a layer; secrets never appear in its output.
"""

import json
from argparse import ArgumentParser
from typing import Any

from accounts.commands import CommandFailed, Exit, PortwardenCommand
from integrations.oci.errors import RegistryError
from integrations.providers.base import CheckResult, CheckStep
from integrations.services import RegistryNotNamed, registry_check, registry_named

STEP_WORDS = {True: "ok", False: "FAILED", None: "skipped"}


class Command(PortwardenCommand):
    """Exit codes: 0 the connection is good; 2 wrong usage; 3 it is not, or something that a scan needs is missing."""

    help = (
        "Tests the connection of a registry: each step with its answer, who we are there, how many repositories can be "
        "seen, and the permissions that are missing. Exit codes: 0 good, 2 wrong usage, 3 not good."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="Name of the registry in Portwarden.")
        parser.add_argument(
            "--organization", metavar="SLUG", help="Needed where several organizations have a registry of this name."
        )
        parser.add_argument("--format", choices=["text", "json"], default="text")

    def run(self, **options: Any) -> Exit:
        try:
            registry = registry_named(options["name"], options["organization"])
        except RegistryNotNamed as error:
            raise CommandFailed(str(error)) from error
        try:
            result = registry_check(registry=registry)
        except RegistryError as error:  # the stored credentials cannot be read, so there is nothing to try with
            result = CheckResult(False, "", None, (), (CheckStep("Read the stored connection", False, str(error)),))
        if options["format"] == "json":
            self.stdout.write(json.dumps(document(result), indent=2, ensure_ascii=False))
        else:
            self.stdout.write("\n".join(_lines(result)))
        return Exit.DONE if result.ok else Exit.UNREADABLE


def document(result: CheckResult) -> dict[str, Any]:
    """The check as JSON. `ok` of a step is null where a failure kept it from being tried; in a good test, a step that
    does not apply stands in nobody's way and is true."""
    return {
        "ok": result.ok,
        "identity": result.identity,
        "repositories": result.repositories,
        "missing_permissions": list(result.missing_permissions),
        "steps": [{"name": step.name, "ok": _ok(step, result), "detail": _detail(step)} for step in result.steps],
    }


def _ok(step: CheckStep, result: CheckResult) -> bool | None:
    return True if step.ok is None and result.ok else step.ok


def _lines(result: CheckResult) -> list[str]:
    lines = [f"[{STEP_WORDS[step.ok]}] {step.name}: {_detail(step)}".rstrip(": ") for step in result.steps]
    if result.identity:
        lines.append(f"Connected as {result.identity}.")
    if result.repositories is not None:
        lines.append(f"Repositories seen: {result.repositories}.")
    if result.missing_permissions:
        lines.append(f"Missing permissions: {', '.join(result.missing_permissions)}.")
    return lines


def _detail(step: CheckStep) -> str:
    """What happened, and what to do where it failed."""
    return f"{step.detail} {step.remedy}".strip()
