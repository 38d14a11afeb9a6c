"""`manage.py demo`: the whole portal on this machine with a sample registry, for looking around.

It shares nothing with a real installation: its own data folder, database, secrets and environment.
"""

import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections
from django.db.models import Sum

from accounts.models import Organization, User
from accounts.services import SetupClosed, setup_complete
from integrations.models import Registry, RegistryKind, ScanInterval
from integrations.services import registry_connect, registry_reconnect
from scans.advisories.load import advisories_load
from scans.demo.advisories import advisories_write
from scans.demo.images import repositories
from scans.demo.registry import LOOPBACK, SampleRegistry
from scans.demo.state import EMAIL, REGISTRY_USERNAME, AlreadyRunning, DemoState, alone, state_load, state_save
from scans.management.processes import (
    Processes,
    ProcessFailed,
    answers,
    free_port,
    port_is_free,
    signals_interrupt,
    web_command,
    worker_command,
)
from scans.models import Scan

IN_DEMONSTRATION = "PORTWARDEN_DEMO"
ORGANIZATION = "Harbour Company"
REGISTRY_NAME = "Sample registry"
WEB_PORT = 8000
SCAN_TIMEOUT_S = 300.0
WEB_TIMEOUT_S = 60.0


class Command(BaseCommand):
    help = "Runs the portal with a sample registry and a finished scan, for looking around. Ctrl-C stops everything."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reset", action="store_true", help="Forget everything the demonstration made, and stop.")
        parser.add_argument(
            "--port", type=int, default=int(os.environ.get("PORT") or WEB_PORT), help="First port tried."
        )
        parser.add_argument("--exit-when-ready", action="store_true", help="Stop as soon as the first scan is done.")

    def handle(self, *args: Any, **options: Any) -> None:
        if os.environ.get(IN_DEMONSTRATION) != "1":
            _start_again_apart(settings.DATA_DIR / "demo")
        signals_interrupt()
        try:
            with alone(settings.DATA_DIR):
                if options["reset"]:
                    shutil.rmtree(settings.DATA_DIR)
                    self.stdout.write(f"Forgotten: {settings.DATA_DIR}")
                    return
                self._run(options["port"], stay=not options["exit_when_ready"])
        except (AlreadyRunning, ProcessFailed) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stdout.write("\nStopped. `make demo` goes on where it was; `make demo-reset` forgets it.")

    def _run(self, first_port: int, *, stay: bool) -> None:
        began = time.monotonic()
        state = state_load(settings.DATA_DIR)
        self._say("Preparing the database …")
        call_command("migrate", interactive=False, verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        self._say("Loading the sample advisories …")
        advisories_load(advisories_write(settings.DATA_DIR / "advisories"))
        self._say("Generating the sample registry's images …")
        with _registry_start(state) as sample:
            state = state_save(settings.DATA_DIR, state, port=sample.port)
            administrator = _administrator(state)
            registry = _connect(state, sample, administrator)
            port = free_port(LOOPBACK, first_port)
            with Processes(settings.BASE_DIR, _environment(sample), logs=settings.DATA_DIR / "logs") as processes:
                processes.start("worker", worker_command())
                processes.start("web server", web_command(f"{LOOPBACK}:{port}"))
                url = f"http://{LOOPBACK}:{port}/"
                processes.wait_until(
                    lambda: answers(f"{url}login/"), timeout_s=WEB_TIMEOUT_S, what="The web server's start"
                )
                self._wait_for_scan(processes, registry)
                self._banner(url, state, administrator, registry, time.monotonic() - began)
                connections.close_all()
                if stay:
                    processes.run()

    def _wait_for_scan(self, processes: Processes, registry: Registry | None) -> None:
        """Waits for the newest scan of the sample registry, if one is under way, and shows how far it is."""
        shown = ""

        def done() -> bool:
            nonlocal shown
            scan = Scan.objects.filter(registry=registry).order_by("-pk").first()
            if scan is None or not scan.active:
                return True
            line = (
                f"Scanning: {scan.jobs_done} of {scan.jobs_total} images"
                if scan.discovered_at
                else "Scanning: listing tags"
            )
            if line != shown:
                shown = line
                self.stdout.write(line, ending="\r" if self.stdout.isatty() else "\n")
                self.stdout.flush()
            return False

        if registry is not None:
            processes.wait_until(done, timeout_s=SCAN_TIMEOUT_S, what="The first scan")

    def _banner(
        self, url: str, state: DemoState, administrator: User, registry: Registry | None, elapsed_s: float
    ) -> None:
        unchanged = administrator.check_password(state.administrator_password)
        password = state.administrator_password if unchanged else "the one you have chosen"
        lines = [
            f"Portwarden is ready after {elapsed_s:.0f} seconds.",
            "",
            f"  Open      {url}",
            f"  E-mail    {administrator.email}",
            f"  Password  {password}",
            "",
            f"  {_summary(registry)}",
            "  Look at the dashboard first, then at Findings, at shop/storefront (14 builds, 10 of them in the window)",
            "  and at legacy/intranet, whose package database is cut short: it is reported, not passed over.",
            "",
            f"  Logs are in {settings.DATA_DIR / 'logs'}. Ctrl-C stops everything.",
        ]
        rule = "─" * 100
        self.stdout.write("\n".join(["", rule, *lines, rule]))
        self.stdout.flush()

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _start_again_apart(folder: Path) -> None:
    """Replaces this process by itself with the demonstration's own environment: data folder and embedded database."""
    environment = {
        **os.environ,
        IN_DEMONSTRATION: "1",
        "PORTWARDEN_DATA_DIR": str(folder),
        "DATABASE_URL": "",
        "REDIS_URL": "",
        "STATIC_ROOT": str(folder / "static"),
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
    }
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, *sys.argv], environment)  # noqa: S606 - our own command, no shell


def _environment(sample: SampleRegistry) -> dict[str, str]:
    """What only the children need: they may speak plain HTTP, and to the sample registry on this machine."""
    return {"INSECURE_HTTP": "1", "EGRESS_ALLOW": LOOPBACK, "PLAIN_HTTP_HOSTS": sample.host, "DEBUG": "0"}


def _registry_start(state: DemoState) -> SampleRegistry:
    port = state.registry_port if state.registry_port and port_is_free(LOOPBACK, state.registry_port) else 0
    return SampleRegistry(repositories(), username=REGISTRY_USERNAME, password=state.registry_password, port=port)


def _administrator(state: DemoState) -> User:
    try:
        return setup_complete(
            organization_name=ORGANIZATION,
            name="Demo Administrator",
            email=EMAIL,
            password=state.administrator_password,
        )
    except SetupClosed:
        return User.objects.get(email__iexact=EMAIL)


def _connect(state: DemoState, sample: SampleRegistry, administrator: User) -> Registry | None:
    """Connects the sample registry once; later only its port may change. None where somebody has deleted it."""
    config = {"url": sample.url, "username": REGISTRY_USERNAME}
    secrets = {"password": state.registry_password}
    organization = Organization.objects.get(memberships__user=administrator)
    registry = Registry.objects.for_organization(organization).filter(name=REGISTRY_NAME).first()
    if registry is None and not state.connected:
        registry = registry_connect(
            organization=organization,
            actor=administrator,
            name=REGISTRY_NAME,
            kind=RegistryKind.OCI,
            config=config,
            secrets=secrets,
            settings_={"scan_interval": ScanInterval.DAILY},
        )
        state_save(settings.DATA_DIR, state, connected=True)
    elif registry is not None and registry.host != sample.host:
        registry_reconnect(registry=registry, actor=administrator, config=config, secrets=secrets)
    return registry


def _summary(registry: Registry | None) -> str:
    if registry is None:
        return "The sample registry was deleted; `make demo-reset` brings it back."
    scan = Scan.objects.filter(registry=registry).order_by("-pk").first()
    if scan is None:
        return "The sample registry has not been scanned yet: Scan Now is in its row's menu."
    registry.refresh_from_db()
    fetched = Scan.objects.filter(registry=registry).aggregate(total=Sum("bytes_fetched"))["total"] or 0
    return (
        f"Last scan: {scan.get_status_display().lower()}, {registry.image_count} images in {registry.repository_count} "
        f"repositories, {registry.critical_count} critical and {registry.high_count} high findings, "
        f"{fetched / 1_000_000:.0f} MB pulled so far."
    )
