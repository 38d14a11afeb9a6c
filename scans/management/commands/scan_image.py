"""`manage.py scan_image REF`: reads one image and prints what is in it, and what is known to be wrong with that."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from accounts.commands import CommandFailed, Exit, PortwardenCommand, database_ready
from integrations.oci.errors import ReferenceInvalid, RegistryError
from integrations.oci.manifest import Platform
from scans.exports.identity import json_text, printed
from scans.exports.image_json import image_document
from scans.exports.image_table import image_table
from scans.models import Severity
from scans.single import ImageReport, image_report, reads_standard_input, source_opened

FORMATS = ("table", "json")
EXPORTS = ("cyclonedx", "spdx", "sarif")
"""Modules of scans.exports; only the one asked for is imported, since their libraries take a third of a second."""
MAX_PASSWORD = 64 * 1024


class Command(PortwardenCommand):
    help = (
        "Reads one image: HOST/REPO[:TAG|@DIGEST], oci:DIR[:NAME], oci:FILE[:NAME] or docker-archive:FILE[:NAME]; "
        "a FILE may be compressed (gzip, zstd), a pipe, or - for standard input."
    )
    needs_database = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("reference", metavar="REF")
        parser.add_argument("--format", choices=(*FORMATS, *EXPORTS), default="table")
        parser.add_argument("--output", metavar="F", help="Write to this file instead of standard output.")
        parser.add_argument("--inventory-only", action="store_true", help="List packages only; needs no database.")
        parser.add_argument("--platform", default=settings.SCAN_DEFAULT_PLATFORM, metavar="OS/ARCH")
        parser.add_argument("--fail-on", choices=[severity.band for severity in Severity], metavar="SEVERITY")
        parser.add_argument("--plain-http", action="store_true", help="Speak to the registry without TLS.")
        parser.add_argument("--username", default="", metavar="U")
        parser.add_argument("--password-stdin", action="store_true")

    def run(self, **options: Any) -> Exit:
        self._usage_check(options)
        if not options["inventory_only"]:
            database_ready()
        report = self._report(options)
        self._write(report, options)
        for item in report.inventory.unread:
            self.stderr.write(printed(f"not read: {item.path or item.layer}: {item.reason}"))
        for note in report.notes:
            self.stderr.write(printed(f"note: {note}"))
        return self._exit(report, options["fail_on"])

    def _usage_check(self, options: dict[str, Any]) -> None:
        if options["format"] == "sarif" and options["inventory_only"]:
            raise CommandFailed(
                "--format sarif lists findings, which --inventory-only leaves out. Drop one of the two."
            )
        if options["inventory_only"] and options["fail_on"]:
            raise CommandFailed("--fail-on needs findings, which --inventory-only leaves out. Drop one of the two.")
        if options["username"] and not options["password_stdin"]:
            raise CommandFailed("--username needs --password-stdin: a password is only read from standard input.")
        if options["password_stdin"] and reads_standard_input(options["reference"]):
            raise CommandFailed("Standard input cannot be both the image and the password. Name the image's file.")
        try:
            Platform.parse(options["platform"])
        except RegistryError as error:
            raise CommandFailed(str(error)) from error

    def _report(self, options: dict[str, Any]) -> ImageReport:
        password = sys.stdin.read(MAX_PASSWORD).rstrip("\r\n") if options["password_stdin"] else ""
        try:
            with source_opened(
                options["reference"], username=options["username"], password=password, plain_http=options["plain_http"]
            ) as (source, identifier):
                return image_report(
                    source,
                    identifier,
                    reference=options["reference"],
                    platform=options["platform"],
                    match=not options["inventory_only"],
                    progress=self._progress,
                )
        except ReferenceInvalid as error:
            raise CommandFailed(str(error), Exit.USAGE) from error
        except RegistryError as error:
            raise CommandFailed(str(error), Exit.UNREADABLE) from error

    def _progress(self, text: str) -> None:
        if sys.stderr.isatty():
            self.stderr.write(f"\r\x1b[K{text}", ending="")

    def _write(self, report: ImageReport, options: dict[str, Any]) -> None:
        text = _text(report, options["format"])
        if not options["output"]:
            self.stdout.write(text)
            return
        try:
            Path(options["output"]).write_text(text.rstrip("\n") + "\n", encoding="utf-8")
        except OSError as error:
            raise CommandFailed(f"{options['output']} cannot be written: {error.strerror}.") from error

    def _exit(self, report: ImageReport, fail_on: str | None) -> Exit:
        """A threshold that was reached stays reached, whatever else could not be read."""
        if fail_on and any(row.severity >= Severity.of(fail_on) for row in report.findings or ()):
            return Exit.FAIL_ON
        if report.findings is not None and not report.advisories:
            self.stderr.write("No advisories are loaded: nothing could be compared. Run sync_advisories first.")
        return Exit.DONE if report.status == "complete" else Exit.UNREADABLE


def _text(report: ImageReport, name: str) -> str:
    if name == "table":
        return image_table(report)
    if name == "json":
        return json_text(image_document(report))
    text: str = import_module(f"scans.exports.{name}").image_text(report)
    return text
