"""The README's table of bounds, line by line: the default is the code's, and real bytes beyond the bound give the
outcome that the line names, with the setting in its words."""

import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings

from integrations.oci import media
from integrations.oci.errors import TooLarge
from integrations.oci.manifest import Descriptor, Manifest
from scans.engine.errors import LimitExceeded
from scans.engine.inventory import LayerSlot, inventory_assemble
from scans.engine.layers import layer_read
from scans.engine.limits import DEFAULT_LIMITS, Limits, setting_name
from scans.engine.model import Inventory
from scans.reading import image_size_check
from tests.engine.tarmaker import FILES, LIST, file, gzipped, pieces, tar
from tests.engine.test_limits import HIT

README = Path(__file__).parents[1] / "README.md"
IMAGE_BYTES = "SCAN_MAX_IMAGE_BYTES"


@dataclass(frozen=True)
class Row:
    bound: str
    default: int
    setting: str
    outcome: str


def rows() -> list[Row]:
    table = README.read_text("utf-8").partition("### Bounds")[2].partition("\n## ")[0]
    found = re.findall(r"^\| ([^|`]+?) \| `(\d+)` \| `(\w+)` \| ([a-z ]+) \|$", table, re.MULTILINE)
    return [Row(bound, int(default), setting, outcome) for bound, default, setting, outcome in found]


def jar(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def nested(depth: int) -> bytes:
    data = jar({"META-INF/MANIFEST.MF": b"Manifest-Version: 1.0\n"})
    for number in range(depth):
        data = jar({f"lib/inner-{number}.jar": data})
    return data


def assembled(layers: list[bytes], limits: Limits) -> Inventory:
    """As a scan does it: a layer beyond a limit is a slot with a reason."""
    slots = []
    for number, layer in enumerate(layers):
        try:
            analysis = layer_read(pieces(layer, 50_000), limits=limits, catalogers=LIST, file_catalogers=files())
        except LimitExceeded as error:
            slots.append(LayerSlot(f"L{number}", None, error.message))
        else:
            slots.append(LayerSlot(f"L{number}", analysis))
    return inventory_assemble(slots, limits)


def files():
    from scans.engine.catalogers import FILE_CATALOGERS

    return (*FILES, *FILE_CATALOGERS)


ONE = b"deb one 1\n"
CASES: dict[str, tuple[Limits, Callable[[], list[bytes]]]] = {
    **{name: (limits, lambda layer=layer: [layer()]) for name, (limits, layer) in HIT.items()},
    "ratio_from_bytes": (Limits(ratio_from_bytes=100_000), lambda: [gzipped(tar(file("zeros", bytes(15 << 20))))]),
    "wanted_file_bytes": (Limits(wanted_file_bytes=100), lambda: [tar(file("a.list", ONE * 20))]),
    "database_bytes": (Limits(database_bytes=100), lambda: [tar(file("a.page", b"x" * 101))]),
    "archive_bytes": (Limits(archive_bytes=100), lambda: [tar(file("a.jar", nested(1)))]),
    "executable_bytes": (Limits(executable_bytes=100), lambda: [tar(file("a", b"PAGE" * 100))]),
    "nested_depth": (Limits(nested_depth=3), lambda: [tar(file("a.jar", nested(5)))]),
    "nested_bytes": (Limits(nested_bytes=10_000), lambda: [tar(file("a.jar", jar({"b.jar": bytes(1_000_000)})))]),
    "nested_entries": (Limits(nested_entries=50), lambda: [tar(file("a.jar", jar({f"{n}": b"" for n in range(60)})))]),
    "spooled_bytes": (Limits(spooled_bytes=100), lambda: [tar(file("a.page", b"x" * 101))]),
    "image_packages": (Limits(image_packages=2), lambda: [tar(file("a.list", b"deb a 1\ndeb b 1\ndeb c 1\n"))]),
    "image_expanded_bytes": (Limits(image_expanded_bytes=3000), lambda: [tar(file("a")), tar(file("b"))]),
}


def test_every_bound_has_its_line() -> None:
    assert [row.setting for row in rows()] == [
        *[setting_name(name) for name in _ordered()],
        IMAGE_BYTES,
    ]


def _ordered() -> list[str]:
    names = [row.setting.removeprefix("LAYER_LIMIT_").lower() for row in rows()]
    assert set(names) - {IMAGE_BYTES.lower()} == set(Limits.__dataclass_fields__)
    return names[:-1]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.setting)
def test_the_default_is_the_codes(row: Row) -> None:
    if row.setting == IMAGE_BYTES:
        assert row.default == settings.SCAN_MAX_IMAGE_BYTES
    else:
        assert getattr(DEFAULT_LIMITS, row.setting.removeprefix("LAYER_LIMIT_").lower()) == row.default


@pytest.mark.parametrize(
    "row",
    [row for row in rows() if row.setting not in (IMAGE_BYTES, "LAYER_LIMIT_SECONDS")],
    ids=lambda row: row.setting,
)
def test_real_bytes_beyond_the_bound_give_the_outcome(row: Row) -> None:
    limits, layers = CASES[row.setting.removeprefix("LAYER_LIMIT_").lower()]

    inventory = assembled(layers(), limits)

    assert not inventory.complete
    unread = inventory.unread[-1]
    named = row.setting if row.setting != "LAYER_LIMIT_RATIO_FROM_BYTES" else "LAYER_LIMIT_RATIO"
    assert named in unread.reason
    match row.outcome:
        case "layer unread":
            assert (unread.layer, unread.path) == (f"L{len(layers()) - 1}", "")
        case "file unread":
            assert unread.path.startswith("a")
        case "packages left out":
            assert len(inventory.packages) == limits.image_packages
        case other:
            pytest.fail(f"No check for the outcome {other!r}.")


def test_a_layer_that_takes_too_long_is_unread(monkeypatch) -> None:
    ticks = iter(range(0, 10**9, 1000))
    monkeypatch.setattr("scans.engine.content.time.monotonic", lambda: next(ticks))

    inventory = assembled([tar(*(file(f"{number}.list", ONE * 90) for number in range(300)))], Limits())

    assert "LAYER_LIMIT_SECONDS" in inventory.unread[0].reason
    assert inventory.unread[0].path == ""


def test_an_image_with_too_many_stored_bytes_is_not_read_and_names_the_setting(settings) -> None:
    settings.SCAN_MAX_IMAGE_BYTES = 100
    layer = Descriptor(media.DOCKER_LAYER_GZIP, "sha256:" + "0" * 64, 101)
    manifest = Manifest(media.OCI_MANIFEST, "sha256:" + "1" * 64, 1000, layer, (layer,))

    with pytest.raises(TooLarge, match=IMAGE_BYTES):
        image_size_check(manifest)
