"""`manage.py scan_registry NAME`: asks for a scan of a registry; with --wait it works through it and sums it up."""

import time
from typing import Any

import orjson
from django.core.management.base import CommandParser

from accounts.commands import CommandFailed, Exit, PortwardenCommand
from integrations.models import Registry
from integrations.services import RegistryNotNamed, registry_named
from scans.exports.scan_json import scan_document
from scans.exports.scan_table import scan_table
from scans.models import Scan, ScanStatus, Trigger
from scans.pipeline import scan_finish_if_done, scan_work
from scans.services import ScanRefused, scan_request

POLL_S = 0.2
ENDED_WELL = (ScanStatus.DONE,)


class Command(PortwardenCommand):
    help = "Scans a connected registry. With --wait it takes part in the work itself, so that no worker need run."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME")
        parser.add_argument(
            "--organization", metavar="SLUG", help="Needed where several organizations have a registry of this name."
        )
        parser.add_argument("--wait", action="store_true", help="Work until the scan has ended; print a summary.")
        parser.add_argument("--format", choices=("table", "json"), default="table")

    def run(self, **options: Any) -> Exit:
        registry = self._registry(options["organization"], options["name"])
        try:
            scan, created = scan_request(registry=registry, trigger=Trigger.MANUAL, actor=None)
        except ScanRefused as error:
            raise CommandFailed(str(error), Exit.UNREADABLE) from error
        if not created:
            self.stderr.write(f"Scan {scan.pk} was asked for already; this is that one.")
        if not options["wait"]:
            self.stdout.write(f"Scan {scan.pk} of {registry.name} is queued.")
            return Exit.DONE
        self._work(scan)
        scan.refresh_from_db()
        if options["format"] == "json":
            self.stdout.write(orjson.dumps(scan_document(scan), option=orjson.OPT_INDENT_2).decode())
        else:
            self.stdout.write(scan_table(scan))
        return Exit.DONE if scan.status in ENDED_WELL else Exit.UNREADABLE

    def _registry(self, slug: str | None, name: str) -> Registry:
        try:
            return registry_named(name, slug)
        except RegistryNotNamed as error:
            raise CommandFailed(str(error)) from error

    def _work(self, scan: Scan) -> None:
        """Takes pieces of the scan until it has ended, beside any worker that does the same."""
        while Scan.objects.get(pk=scan.pk).active:
            if not scan_work(scan.pk) and not scan_finish_if_done(scan.pk):
                time.sleep(POLL_S)
