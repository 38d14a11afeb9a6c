"""`manage.py scan_image REF`: reads one image and prints what is in it, and what is known to be wrong with that."""

import sys
from pathlib import Path
from typing import Any

import orjson
from django.conf import settings
from django.core.management.base import CommandParser

from accounts.commands import CommandFailed, Exit, PortwardenCommand, database_ready
from integrations.oci.errors import ReferenceInvalid, RegistryError
from integrations.oci.manifest import Platform
from scans.exports.image_json import image_document
from scans.exports.image_table import image_table
from scans.models import Severity
from scans.single import ImageReport, image_report, source_opened

FORMATS = ("table", "json")
LATER = ("cyclonedx", "spdx", "sarif")
MAX_PASSWORD = 64 * 1024


class Command(PortwardenCommand):
    help = "Reads one image: HOST/REPO[:TAG|@DIGEST], oci:DIR[:TAG] or docker-archive:FILE."
    needs_database = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("reference", metavar="REF")
        parser.add_argument("--format", choices=(*FORMATS, *LATER), default="table")
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
            self.stderr.write(f"not read: {item.path or item.layer}: {item.reason}")
        for note in report.notes:
            self.stderr.write(f"note: {note}")
        return self._exit(report, options["fail_on"])

    def _usage_check(self, options: dict[str, Any]) -> None:
        if options["format"] in LATER:
            raise CommandFailed(f"--format {options['format']} is not built yet. Use table or json.")
        if options["inventory_only"] and options["fail_on"]:
            raise CommandFailed("--fail-on needs findings, which --inventory-only leaves out. Drop one of the two.")
        if options["username"] and not options["password_stdin"]:
            raise CommandFailed("--username needs --password-stdin: a password is only read from standard input.")
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
        if options["format"] == "json":
            text = orjson.dumps(image_document(report), option=orjson.OPT_INDENT_2).decode()
        else:
            text = image_table(report)
        if not options["output"]:
            self.stdout.write(text)
            return
        try:
            Path(options["output"]).write_text(text.rstrip("\n") + "\n")
        except OSError as error:
            raise CommandFailed(f"{options['output']} cannot be written: {error.strerror}.") from error

    def _exit(self, report: ImageReport, fail_on: str | None) -> Exit:
        """A threshold that was reached stays reached, whatever else could not be read."""
        if fail_on and any(row.severity >= Severity.of(fail_on) for row in report.findings or ()):
            return Exit.FAIL_ON
        if report.findings is not None and not report.advisories:
            self.stderr.write("No advisories are loaded: nothing could be compared. Run sync_advisories first.")
        return Exit.DONE if report.status == "complete" else Exit.UNREADABLE
