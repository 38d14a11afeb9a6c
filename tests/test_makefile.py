"""The Makefile and the scripts of continuous integration: their promises, as far as they can be checked quickly."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
TARGETS = {"help", "setup", "demo", "demo-reset", "run", "test", "lint", "bench", "bench-peers", "fuzz"}

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*arguments: str, folder: Path = PROJECT, **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, text=True, capture_output=True, timeout=60, check=False
    )


def dry_run(target: str) -> str:
    ended = make("--dry-run", "--always-make", target)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_make_alone_lists_every_target() -> None:
    listed = set(re.findall(r"make ([a-z-]+)", make().stdout))

    assert listed == TARGETS


@pytest.mark.parametrize("target", sorted(TARGETS - {"help"}))
def test_each_target_does_its_own_set_up(target: str) -> None:
    assert "pip install --quiet --disable-pip-version-check -r requirements.txt" in dry_run(target)


def test_the_set_up_is_repeated_only_when_the_pins_change(tmp_path: Path) -> None:
    shutil.copy(PROJECT / "Makefile", tmp_path)
    (tmp_path / "requirements.txt").write_text("# nothing to install\n")

    first = make("setup", folder=tmp_path, PYTHON=shutil.which("python3") or "python3")
    again = make("setup", folder=tmp_path)
    (tmp_path / "requirements.txt").write_text("# still nothing\n")
    changed = make("--dry-run", "setup", folder=tmp_path)

    assert first.returncode == 0, first.stderr
    assert "pip install" in first.stdout
    assert "pip install" not in again.stdout
    assert "pip install" in changed.stdout


@pytest.mark.parametrize(
    "check", ["ruff check", "ruff format --check", "mypy", "lint-imports", "makemigrations --check", "check --deploy"]
)
def test_lint_runs_every_check(check: str) -> None:
    assert check in dry_run("lint")


def test_the_deployment_check_runs_with_production_settings() -> None:
    line = next(line for line in dry_run("lint").splitlines() if "check --deploy" in line)

    assert "DEBUG=0" in line
    assert "DATABASE_URL=postgres://" in line
    assert "INSECURE_HTTP" not in line


@pytest.mark.parametrize("script", ["run", "parts"])
def test_scripts_are_executable_bash_without_syntax_errors(script: str) -> None:
    path = PROJECT / ".ci" / script

    assert os.access(path, os.X_OK)
    assert path.read_text().startswith("#!/usr/bin/env bash\n")
    assert subprocess.run(["bash", "-n", str(path)], check=False).returncode == 0


def test_continuous_integration_stops_at_the_first_failure_and_lints_and_tests() -> None:
    lines = (PROJECT / ".ci" / "run").read_text().splitlines()

    assert "set -euo pipefail" in lines
    assert lines.index("make lint") < lines.index("make test")


def test_missing_programs_are_reported_loudly_and_never_fail_the_run(tmp_path: Path) -> None:
    for name in ("bash", "id", "true", "false"):
        (tmp_path / name).symlink_to(shutil.which(name) or "/bin/false")

    ended = subprocess.run(
        [shutil.which("bash") or "bash", str(PROJECT / ".ci" / "parts"), "--report", "false"],
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        text=True,
        capture_output=True,
        check=False,
    )

    assert ended.returncode == 0
    assert "NO CHROMIUM: the browser tests are skipped" in ended.stdout
    assert "NO DOCKER-REGISTRY" in ended.stdout
