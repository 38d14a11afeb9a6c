"""An analysis survives being stored, whatever names an image holds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.engine.codec import analysis_dump, analysis_load
from scans.engine.errors import AnalysisUnreadable
from scans.engine.model import Distribution, Evidence, LayerAnalysis, Package
from scans.engine.names import NamesWriter, names_unpack

CODE_UNITS = st.characters(codec=None, exclude_categories=()).filter(lambda c: not "\ud800" <= c <= "\udbff")
"""Any character, and the lone surrogates that undecodable bytes of a file name become."""
TEXT = st.text(CODE_UNITS, max_size=12)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
PAIRS = st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple)
PACKAGES = st.builds(Package, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, TEXTS, st.booleans())
DISTRIBUTIONS = st.none() | st.builds(Distribution, TEXT, TEXT, TEXT, TEXT, TEXTS)
EVIDENCE = st.builds(Evidence, TEXT, TEXT, TEXT, st.lists(PACKAGES, max_size=3).map(tuple), DISTRIBUTIONS, PAIRS, TEXT)
ANALYSES = st.builds(
    LayerAnalysis,
    TEXT,
    st.integers(0, 2**60),
    st.integers(0, 2**60),
    st.lists(EVIDENCE, max_size=3).map(tuple),
    TEXTS,
    TEXTS,
    PAIRS,
    PAIRS,
    st.binary(max_size=50),
    TEXTS,
)
WHOLE = analysis_dump(LayerAnalysis("sha256:00", 1, 2, warnings=("w",), names=b"names"))


@settings(max_examples=60, deadline=None)
@given(ANALYSES)
def test_what_is_stored_is_what_comes_back(analysis: LayerAnalysis) -> None:
    assert analysis_load(analysis_dump(analysis)) == analysis


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PWLA",
        b"{}",
        WHOLE[:12],
        b"PWLA\x01" + WHOLE[5:],
        WHOLE[:9] + b"x" + WHOLE[10:],
        WHOLE[:5] + bytes(4) + WHOLE[9:],
    ],
)
def test_damaged_or_foreign_bytes_are_said_to_be_unreadable(data: bytes) -> None:
    with pytest.raises(AnalysisUnreadable):
        analysis_load(data)


NAMES = (
    st.binary(min_size=1, max_size=20)
    .filter(lambda name: 0 not in name)
    .map(lambda name: name.decode("utf-8", "surrogateescape"))
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(NAMES, max_size=20), max_size=4))
def test_names_come_back_in_their_order(batches: list[list[str]]) -> None:
    writer = NamesWriter()
    for batch in batches:
        writer.add(batch)

    names = [name for batch in names_unpack(writer.packed()) for name in batch]

    assert names == [name for batch in batches for name in batch]


def test_names_are_packed_well_and_read_in_batches() -> None:
    names = [f"usr/lib/python3/dist-packages/module{number // 50}/file{number}.py" for number in range(50_000)]
    writer = NamesWriter()
    for start in range(0, len(names), 1000):
        writer.add(names[start : start + 1000])
    packed = writer.packed()

    assert len(packed) < 6 * len(names)
    batches = list(names_unpack(packed))
    assert len(batches) > 5
    assert [name for batch in batches for name in batch] == names
