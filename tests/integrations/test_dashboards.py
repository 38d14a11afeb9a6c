"""How a connection test reads, and what the delete page counts."""

import pytest

from integrations.dashboards import delete_page, stored_credentials, trace_of
from integrations.providers.base import CheckResult, CheckStep
from integrations.services import registry_reconnect
from tests import factories
from tests.conftest import Cast

REACHED = CheckStep("Reach the host", True, "It answers.")
REFUSED = CheckStep("Sign in", False, "The password was refused.", "Check it.")
UNTRIED = CheckStep("Read tags", None, "Not tried.")


@pytest.mark.parametrize(
    ("identity", "repositories", "summary"),
    [
        ("robot", 3, "Connected as robot. 3 repositories can be read."),
        ("robot", 1, "Connected as robot. 1 repository can be read."),
        ("", 0, "Connected. 0 repositories can be read."),
        ("robot", None, "Connected as robot."),
    ],
)
def test_a_good_test_says_who_we_are_and_how_much_is_seen(
    identity: str, repositories: int | None, summary: str
) -> None:
    trace = trace_of(CheckResult(True, identity, repositories, (), (REACHED,)))

    assert (trace.summary, trace.state, trace.error) == (summary, "ok", "")


def test_a_failed_test_keeps_every_step_and_names_missing_permissions() -> None:
    trace = trace_of(CheckResult(False, "", None, ("registry:catalog:*",), (REACHED, REFUSED, UNTRIED)))

    assert [step.state for step in trace.steps] == ["ok", "failed", "skipped"]
    assert trace.steps[1].remedy == "Check it."
    assert trace.error == "The password was refused."
    assert "Missing permission: registry:catalog:*." in trace.summary


def test_a_failure_without_a_failed_step_is_still_a_failure() -> None:
    trace = trace_of(CheckResult(False, "", None, (), (UNTRIED,)))

    assert (trace.state, trace.error) == ("failed", "The registry could not be read.")


def test_credentials_are_dated_by_their_last_replacement_only(cast: Cast) -> None:
    registry = factories.registry(cast.organization)
    first = stored_credentials(registry)
    registry_reconnect(registry=registry, actor=cast.olga, config=registry.config, secrets={})
    kept = stored_credentials(registry)
    registry_reconnect(registry=registry, actor=cast.olga, config=registry.config, secrets={"password": "x"})
    replaced = stored_credentials(registry)

    assert first.since == kept.since == registry.created_at
    assert replaced.since > registry.created_at
    assert first.stored
    assert first.readable


def test_the_delete_page_counts_findings_of_every_severity(cast: Cast) -> None:
    registry = factories.registry(
        cast.organization, critical_count=1, high_count=2, medium_count=4, low_count=8, unknown_count=16
    )

    assert delete_page(registry).findings == 31
