"""`manage.py serve`: the real thing on one machine: migrations, static files, web server and worker, for `make run`.

Larger installations start gunicorn and `qcluster` themselves, each under their own supervisor (README, Production).
"""

import ipaddress
import os
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from accounts.services import setup_is_open
from scans.management.processes import (
    Processes,
    ProcessFailed,
    answers,
    port_is_free,
    signals_interrupt,
    web_command,
    worker_command,
)

HOST = "127.0.0.1"
PORT = 8000
WEB_TIMEOUT_S = 60.0


class Command(BaseCommand):
    help = "Runs the portal on this machine: web server and one worker. Ctrl-C stops both."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=os.environ.get("HOST") or HOST, help="Address to listen on.")
        parser.add_argument("--port", type=int, default=int(os.environ.get("PORT") or PORT), help="Port to listen on.")

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        if not port_is_free(host, port):
            raise CommandError(f"Port {port} of {host} is taken. Set PORT to a free one, or stop who uses it.")
        signals_interrupt()
        try:
            self.stdout.write("Preparing the database …")
            call_command("migrate", interactive=False, verbosity=0)
            call_command("collectstatic", interactive=False, verbosity=0)
            waiting = setup_is_open()
            connections.close_all()
            with Processes(settings.BASE_DIR, _environment(host)) as processes:
                processes.start("worker", worker_command())
                processes.start("web server", web_command(_bind(host, port)))
                url = f"http://{_bind(host, port)}/"
                if _is_loopback(host):
                    processes.wait_until(lambda: answers(url), timeout_s=WEB_TIMEOUT_S, what="The web server's start")
                self._announce(url, waiting)
                processes.run()
        except ProcessFailed as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stdout.write("\nStopped.")

    def _announce(self, url: str, waiting: bool) -> None:
        self.stdout.write(f"\nPortwarden runs on {url} with its data in {settings.DATA_DIR}. Ctrl-C stops it.")
        if waiting:
            self.stdout.write(f"First start: make the organization and its administrator at {url}setup/")
        self.stdout.flush()


def _environment(host: str) -> dict[str, str]:
    """Plain HTTP is only for this machine; on any other address a proxy in front must speak TLS."""
    return {"INSECURE_HTTP": os.environ.get("INSECURE_HTTP") or "1"} if _is_loopback(host) else {}


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bind(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
