import random

import pytest

from integrations.providers.tag_names import newest_first


@pytest.mark.parametrize(
    "oldest_first",
    [
        ["1.9", "1.10-rc1", "1.10-rc2", "1.10", "1.10-alpine", "1.10.1", "2"],
        ["v1.0.0-alpha", "v1.0.0-beta", "v1.0.0", "v1.0.1", "v2"],
        ["build-2", "build-10"],
        ["20230101", "20240101", "20240102"],
        ["main", "1.0", "latest"],
        ["sha256-" + "a" * 64 + ".sig", "0.1"],
        ["1.0", "1.0-1", "1.0-2", "1.0-10"],
    ],
)
def test_versions_in_names_are_ordered_as_people_read_them(oldest_first: list[str]) -> None:
    shuffled = random.Random(7).sample(oldest_first, len(oldest_first))
    assert newest_first(shuffled) == oldest_first[::-1]


def test_any_name_can_be_ordered() -> None:
    names = ["", "-", "1" * 128, "ü", "_", "A", "a", "v", "V1"]
    assert sorted(newest_first(names)) == sorted(names)
