"""`manage.py sync_advisories --source DIR`: loads OSV advisories and re-matches what they touch."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from accounts.commands import CommandFailed, Exit, PortwardenCommand
from scans.advisories.load import SyncResult, advisories_load
from scans.advisories.reader import FeedError


class Command(PortwardenCommand):
    help = "Loads advisories in OSV form from a folder, zip, .jsonl or .json file; findings follow without a rescan."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--source", required=True, metavar="DIR", help="Folder or file with OSV records.")
        parser.add_argument(
            "--ecosystem", action="extend", nargs="+", default=[], metavar="NAME", help="Only these, such as PyPI."
        )

    def run(self, **options: Any) -> Exit:
        source = options["source"]
        if "://" in source:
            raise CommandFailed("Only a folder or file can be read so far: fetch the feed, then name the folder.")
        try:
            result = advisories_load(Path(source), ecosystems=options["ecosystem"])
        except FeedError as error:
            raise CommandFailed(f"{error} The advisories held before are unchanged.", Exit.UNREADABLE) from error
        self._print(result)
        return self._exit(result)

    def _print(self, result: SyncResult) -> None:
        for name, counts in sorted(result.sources.items()):
            line = f"{name}: {counts.read} read, {counts.written} written, {counts.unchanged} unchanged"
            self.stdout.write(f"{line}, {len(counts.rejected)} rejected")
            for problem in counts.rejected[:5]:
                self.stderr.write(f"  rejected {problem}")
        self.stdout.write(f"{result.packages_matched} packages matched again, {result.images_updated} images updated")

    def _exit(self, result: SyncResult) -> Exit:
        """A feed of which nothing could be used was not read; single bad records are named and do not fail it."""
        return Exit.DONE if any(counts.read for counts in result.sources.values()) else Exit.UNREADABLE
