"""A short run of every fuzz target, the same each time; the long ones are `make fuzz`."""

from itertools import islice

import pytest

from scans.engine.errors import CatalogError
from tests.fuzz.judge import judge
from tests.fuzz.runs import inputs
from tests.fuzz.targets import Target, targets

RUNS = 150
BUSY_MACHINE_S = 20.0
TARGETS = targets()


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_broken_bytes_lead_to_errors_that_are_foreseen_or_to_none(target: Target) -> None:
    tried = islice(inputs(target, target.seeds, f"{target.name}:suite"), len(target.seeds) + RUNS)

    found = {finding.key: finding.text for data in tried if (finding := judge(target, data, slow_s=BUSY_MACHINE_S))}

    assert not found, "\n\n".join(f"{key}\n{text}" for key, text in found.items())


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_every_target_has_valid_files_to_start_from(target: Target) -> None:
    assert target.seeds


def _raising(error: Exception) -> Target:
    def run(_: bytes) -> None:
        raise error

    return Target("sample", run, (CatalogError,), (b"",))


def test_an_error_that_is_foreseen_is_no_finding() -> None:
    assert judge(_raising(CatalogError("broken")), b"") is None


def test_an_error_that_is_not_foreseen_is_a_finding() -> None:
    found = judge(_raising(IndexError("out of range")), b"")

    assert found is not None
    assert found.key == "sample: IndexError at outside the engine"


def test_a_lot_of_memory_is_a_finding() -> None:
    target = Target("sample", lambda _: (b"x" * (300 << 20)) and None, (), (b"",))

    found = judge(target, b"")

    assert found is not None
    assert found.key == "sample: memory"


def test_equal_seeds_give_equal_inputs() -> None:
    target = TARGETS["dpkg"]

    first, second = (list(islice(inputs(target, target.seeds, "seed"), 30)) for _ in range(2))

    assert first == second
    assert len(set(first)) > 20
