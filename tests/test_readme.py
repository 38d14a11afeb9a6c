"""The README against the code: commands, targets, environment, report formats and files that it names."""

import io
import json
import re
import sys
from pathlib import Path

import pytest
from django.core.management import call_command, get_commands, load_command_class
from pytest_django.fixtures import Settings

from accounts.commands import Exit
from integrations.services import registry_connect
from scans.advisories.load import advisories_load
from scans.demo.advisories import advisories_write
from scans.demo.images import repositories
from scans.demo.registry import SampleRegistry
from scans.models.scans import Outcome
from tests import environment
from tests.conftest import Cast

PROJECT = environment.PROJECT
README = (PROJECT / "README.md").read_text()
OURS = {name: app for name, app in get_commands().items() if app in ("accounts", "integrations", "scans")}
FOR_DEVELOPERS = {"seed_benchmark"}
"""Commands that a person who runs the portal never needs; CONTRIBUTING speaks of them."""


def json_block(schema: str) -> dict[str, object]:
    blocks = re.findall(r"```json\n(.*?)```", README, re.DOTALL)
    return next(found for block in blocks if (found := json.loads(block)).get("schema") == schema)


def table(heading: str) -> str:
    return README.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def test_the_environment_table_equals_the_example_file() -> None:
    assert environment.readme_table() == environment.example()


def test_every_command_is_described_and_every_command_described_exists() -> None:
    described = set(re.findall(r"^\| `([a-z_]+)", table("Commands"), re.MULTILINE))

    assert described == set(OURS) - FOR_DEVELOPERS


@pytest.mark.parametrize("command", sorted(set(OURS) - FOR_DEVELOPERS))
def test_the_options_named_for_a_command_exist(command: str) -> None:
    row = next(line for line in table("Commands").splitlines() if line.startswith(f"| `{command}"))
    parser = load_command_class(str(OURS[command]), command).create_parser("manage.py", command)

    known = {option for action in parser._actions for option in action.option_strings}

    assert set(re.findall(r"--[a-z-]+", row)) <= known


def test_the_exit_codes_are_those_of_the_commands() -> None:
    listed = re.search(r"Exit codes: (.*?)\n\n", README, re.DOTALL)

    assert listed is not None
    assert re.findall(r"(?:^|· )(\d)", listed[1].replace("\n", " ")) == [str(int(code)) for code in Exit]


def test_every_make_target_is_described_and_every_target_described_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (PROJECT / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"^\| `make ([a-z-]+)`", README, re.MULTILINE)) == targets - {"help"}


def test_every_outcome_of_a_tag_is_named() -> None:
    assert {value for value in Outcome.values if f"`{value}`" not in README} == {"pending"}


def test_the_folders_on_the_map_exist() -> None:
    lines = re.search(r"## Map of the house\n\n```\n(.*?)```", README, re.DOTALL)
    assert lines is not None
    parent = PROJECT
    for line in lines[1].splitlines():
        name = line.split()[0]
        folder = (parent if line.startswith("  ") else PROJECT) / name
        assert folder.is_dir(), name
        parent = parent if line.startswith("  ") else folder


@pytest.mark.parametrize("inventory_only", [False, True])
def test_the_report_of_an_image_has_the_fields_described(
    db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inventory_only: bool
) -> None:
    advisories_load(advisories_write(tmp_path / "advisories"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"sample-secret")))
    output = io.StringIO()
    with SampleRegistry(repositories(), username="robot", password="sample-secret") as sample:
        options = ["--plain-http", "--username=robot", "--password-stdin", "--format=json"]
        options += ["--inventory-only"] if inventory_only else []
        with pytest.raises(SystemExit) as ended:
            call_command("scan_image", f"{sample.host}/legacy/intranet:2019.4", *options, stdout=output)

    described = _shape(json_block("portwarden/scan@1"))

    assert isinstance(described, dict)
    report = json.loads(output.getvalue())
    assert _shape(report) == described | ({"findings": None, "advisories": None} if inventory_only else {})
    assert (report["status"], ended.value.code) == ("partial", 3)


def test_the_report_of_a_registry_has_the_fields_described(cast: Cast, tmp_path: Path, settings: Settings) -> None:
    advisories_load(advisories_write(tmp_path / "advisories"))
    content = {"legacy/intranet": repositories()["legacy/intranet"]}
    output = io.StringIO()
    with SampleRegistry(content, username="robot", password="sample-secret") as sample:
        settings.PLAIN_HTTP_HOSTS = (sample.host,)
        registry_connect(
            organization=cast.organization,
            actor=cast.olga,
            name="harbour",
            kind="oci",
            config={"url": sample.url, "username": "robot"},
            secrets={"password": "sample-secret"},
        )
        with pytest.raises(SystemExit) as ended:
            call_command(
                "scan_registry", "harbour", organization=cast.organization.slug, wait=True, format="json", stdout=output
            )

    report, described = json.loads(output.getvalue()), json_block("portwarden/registry-scan@1")

    assert _shape(report) == _shape(described)
    assert report["status"] == described["status"]
    assert ended.value.code == 3


def test_the_code_blocks_for_shells_name_programs_and_files_that_exist() -> None:
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL):
        for word in re.findall(r"\.venv/bin/([a-z-]+)", block):
            assert word in {"python", "gunicorn"}
        for command in re.findall(r"manage\.py ([a-z_]+)", block):
            assert command in get_commands()


def _shape(value: object) -> object:
    """The keys of a document, down to the first entry of each list; plain values count as the same."""
    if isinstance(value, dict):
        return {key: _shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shape(value[0])] if value and isinstance(value[0], dict) else []
    return None
