"""`.env.example` says exactly what the settings read, with the defaults they have."""

import pytest

from tests import environment


def test_every_variable_that_the_settings_read_is_in_the_example_and_no_other() -> None:
    names = [name for name, _ in environment.example()]

    assert sorted(names) == sorted({read.name for read in environment.settings_reads()})
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("read", environment.settings_reads(), ids=lambda read: read.name)
def test_the_default_in_the_example_is_the_one_in_the_settings(read: environment.Read) -> None:
    shown = dict(environment.example())[read.name]

    assert read.default is None or shown in (read.default, "" if read.default in ("0", "") else read.default)


def test_every_variable_is_explained_above_its_line() -> None:
    lines = (environment.PROJECT / ".env.example").read_text().splitlines()

    for number, line in enumerate(lines):
        if line.startswith("#") and line[1:2].isupper() and "=" in line:
            assert lines[number - 1].startswith("# "), line
