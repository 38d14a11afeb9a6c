"""Layers over each other: what is left, which layer it came with, who owns it, and what could not be read."""

from dataclasses import replace

import pytest

from scans.engine.inventory import LayerSlot, inventory_assemble
from scans.engine.layers import layer_read
from scans.engine.limits import Limits
from scans.engine.model import Distribution, Evidence, Inventory, Package
from tests.engine.tarmaker import LIST, directory, file, hardlink, header, symlink, tar

ONE, TWO, BOTH = b"deb one 1\n", b"deb two 2\n", b"deb one 1\ndeb two 2\n"
PY = b"pypi django 3.2\n"
OS_RELEASE = b'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\nVERSION_CODENAME=bookworm\n'


def assemble(*layers: list[bytes] | None) -> Inventory:
    """Layers L0, L1 … from the bottom up, of tar entries; None is a layer that could not be read."""
    return inventory_assemble(
        [
            LayerSlot(f"L{index}", None, "The gzip stream is broken.")
            if parts is None
            else LayerSlot(f"L{index}", layer_read([tar(*parts)], catalogers=LIST))
            for index, parts in enumerate(layers)
        ]
    )


def listed(inventory: Inventory) -> dict[str, str]:
    """`name version` → layer."""
    return {f"{item.package.name} {item.package.version}": item.layer for item in inventory.packages}


BELOW = [directory("d"), file("d/e/a.list", PY), file("x.list", ONE)]

OVER = {
    "nothing": ([], {"django", "one"}),
    "a whiteout of the file": ([file("d/e/.wh.a.list")], {"one"}),
    "a whiteout of a directory": ([file(".wh.d")], {"one"}),
    "a whiteout of a name that only begins alike": ([file(".wh.d.list"), file("d/.wh.e2")], {"django", "one"}),
    "an opaque directory": ([directory("d"), file("d/.wh..wh..opq")], {"one"}),
    "an opaque directory, marked before its children": (
        [file("d/.wh..wh..opq"), file("d/b.list", b"pypi flask 1\n")],
        {"flask", "one"},
    ),
    "an opaque directory, marked after its children": (
        [file("d/b.list", b"pypi flask 1\n"), file("d/.wh..wh..opq")],
        {"flask", "one"},
    ),
    "an opaque root": ([file(".wh..wh..opq")], set()),
    "an opaque file of the same name": ([file("x.list/.wh..wh..opq")], {"django", "one"}),
    "an invalid opaque mark": ([file("d/.wh..wh..opqX"), file("d/.wh.")], {"django", "one"}),
    "a character device 0/0": ([header("d", kind=b"3")], {"one"}),
    "a file in place of a directory": ([file("d", b"x")], {"one"}),
    "a link in place of a directory": ([symlink("d", "elsewhere")], {"one"}),
    "a FIFO in place of the file": ([header("x.list", kind=b"6")], {"django"}),
    "a directory in place of the file": ([directory("x.list")], {"django"}),
    "a directory over a directory": ([directory("d"), directory("d/e")], {"django", "one"}),
    "an empty file in place of the file": ([file("x.list")], {"django"}),
    "removed and made again": ([file(".wh.x.list"), file("x.list", TWO)], {"django", "two"}),
    "made again and removed": ([file("x.list", TWO), file(".wh.x.list")], {"django", "two"}),
}


@pytest.mark.parametrize("name", OVER)
def test_an_upper_layer_hides_exactly_this(name: str) -> None:
    parts, expected = OVER[name]

    inventory = assemble(BELOW, parts)

    assert {item.package.name for item in inventory.packages} == expected
    assert inventory.complete


def test_whiteouts_in_the_lowest_layer_do_nothing() -> None:
    assert listed(assemble([file(".wh.x.list"), file("x.list", ONE), file(".wh..wh..opq")])) == {"one 1": "L0"}


def test_a_file_a_link_then_a_directory_again_leave_nothing_of_the_first() -> None:
    assert not listed(assemble(BELOW[:2], [symlink("d", "q")], [directory("d")], [directory("d/e")]))


ATTRIBUTION = {
    "each with its layer": ([[file("x.list", ONE)], [file("x.list", BOTH)]], {"one 1": "L0", "two 2": "L1"}),
    "touched only": ([[file("x.list", ONE)], [file("x.list", ONE)]], {"one 1": "L0"}),
    "upgraded": ([[file("x.list", ONE)], [file("x.list", b"deb one 2\n")]], {"one 2": "L1"}),
    "gone and back": (
        [[file("x.list", ONE)], [file("x.list", TWO)], [file("x.list", BOTH)]],
        {"one 1": "L2", "two 2": "L1"},
    ),
    "whited out and written again at once": (
        [[file("x.list", ONE)], [file(".wh.x.list"), file("x.list", BOTH)]],
        {"one 1": "L0", "two 2": "L1"},
    ),
    "the database moved": (
        [[file("lib/x.list", ONE)], [file(".wh.lib"), file("usr/lib/x.list", BOTH)]],
        {"one 1": "L0", "two 2": "L1"},
    ),
    "the database split": (
        [[file("x.list", BOTH)], [file("y.list", BOTH)]],
        {"one 1": "L0", "two 2": "L0"},
    ),
    "a layer between that is not known": (
        [[file("x.list", ONE)], None, [file("x.list", BOTH)]],
        {"one 1": "L0", "two 2": "L2"},
    ),
    "language packages touched": (
        [[file("a.list", PY)], [file("a.list", b"pypi django 3.2 again\n")]],
        {"django 3.2": "L0"},
    ),
}


@pytest.mark.parametrize("name", ATTRIBUTION)
def test_a_package_came_with_the_lowest_layer_that_has_it_without_a_gap(name: str) -> None:
    layers, expected = ATTRIBUTION[name]

    assert listed(assemble(*layers)) == expected


def test_an_os_package_is_listed_once_and_a_language_package_once_a_place() -> None:
    inventory = assemble([file("a.list", ONE + PY), file("b.list", ONE + PY)], [file("c.list", ONE)])

    assert sorted((item.package.name, item.package.path, item.layer) for item in inventory.packages) == [
        ("django", "a.list", "L0"),
        ("django", "b.list", "L0"),
        ("one", "a.list", "L0"),
    ]


LINKS = {
    "one database by two names": [[file("usr/lib/x.list", ONE), symlink("lib", "usr/lib")], [file("lib/x.list", TWO)]],
    "an absolute link": [[file("usr/lib/x.list", ONE), symlink("lib", "/usr/lib")], [file("lib/x.list", TWO)]],
    "a link that climbs over the root": [
        [file("usr/lib/x.list", ONE), symlink("lib", "../../usr/lib")],
        [file("lib/x.list", TWO)],
    ],
    "links in links": [
        [
            file("usr/lib/x.list", ONE),
            symlink("a", "b"),
            symlink("b/c", "../usr"),
            directory("b"),
            symlink("lib", "a/c/lib"),
        ],
        [file("lib/x.list", TWO)],
    ],
}


@pytest.mark.parametrize("name", LINKS)
def test_a_database_reached_through_a_link_is_the_same_database(name: str) -> None:
    assert listed(assemble(*LINKS[name])) == {"two 2": "L1"}


def test_a_whiteout_of_a_link_leaves_its_target() -> None:
    below = [file("usr/lib/x.list", ONE), symlink("lib", "usr/lib")]

    assert listed(assemble(below, [file(".wh.lib")])) == {"one 1": "L0"}
    assert listed(assemble(below, [directory("lib"), file("lib/.wh..wh..opq")])) == {"one 1": "L0"}


def test_a_directory_in_place_of_a_link_is_a_place_of_its_own() -> None:
    below = [file("usr/lib/x.list", ONE), symlink("lib", "usr/lib")]

    assert listed(assemble(below, [directory("lib"), file("lib/x.list", TWO)])) == {"one 1": "L0", "two 2": "L1"}


@pytest.mark.parametrize(
    "links",
    [
        [symlink("a", "b"), symlink("b", "a")],
        [symlink("a", "a")],
        [symlink("a", "a/a/a/a")],
        [symlink(f"l{number}", f"l{number + 1}") for number in range(10_000)],
        [symlink("x/y", ".."), symlink("a", "x/y/x/y/x/y/a")],
    ],
)
def test_loops_and_long_chains_of_links_end(links: list[bytes]) -> None:
    inventory = assemble([*links, file("x.list", ONE)], [file("a/y.list", TWO), file("l0/z.list", PY)])

    assert {"one", "two", "django"} == {item.package.name for item in inventory.packages}


def test_a_hard_link_takes_the_content_of_its_target_in_a_lower_layer() -> None:
    inventory = assemble([file("x.list", PY)], [hardlink("y.list", "x.list"), file(".wh.x.list")])

    assert [(item.package.name, item.package.path, item.layer) for item in inventory.packages] == [
        ("django", "y.list", "L1")
    ]
    assert inventory.complete


def test_a_hard_link_to_nothing_is_unread() -> None:
    (gap,) = assemble([file("x.list", ONE)], [hardlink("y.list", "z.list")]).unread

    assert (gap.path, gap.layer, gap.cataloger) == ("y.list", "L1", "list")
    assert "hard link to z.list" in gap.reason


def test_a_layer_that_could_not_be_read_is_a_gap_beside_what_is_known() -> None:
    inventory = assemble([file("x.list", ONE)], None)

    assert listed(inventory) == {"one 1": "L0"}
    assert [(gap.path, gap.layer, gap.reason) for gap in inventory.unread] == [("", "L1", "The gzip stream is broken.")]
    assert not inventory.complete


def test_a_database_error_counts_only_while_its_file_is_there() -> None:
    broken = [file("x.list", b"broken")]

    assert [(gap.path, gap.layer, gap.cataloger) for gap in assemble(broken).unread] == [("x.list", "L0", "list")]
    assert assemble(broken, [file("x.list", ONE)]).complete
    assert assemble(broken, [file(".wh.x.list")]).complete


OWNERSHIP = {
    "owned": (b"deb one 1\nowns d/a.list one\n", [], "one"),
    "owned by another path through a link": (b"deb one 1\nowns lib/a.list one\n", [symlink("lib", "d")], "one"),
    "owned through a directory link": (b"deb one 1\nowns usr/lib/a.list one\n", [symlink("usr/lib", "../d")], "one"),
    "owned by a third party's package": (b"deb one 1 third-party\nowns d/a.list one\n", [], ""),
    "owned by a package that is not there": (b"deb two 1\nowns d/a.list one\n", [], ""),
    "not owned": (b"deb one 1\nowns d/b.list one\n", [], ""),
}


@pytest.mark.parametrize("name", OWNERSHIP)
def test_a_language_package_names_the_os_package_that_owns_it(name: str) -> None:
    database, links, owner = OWNERSHIP[name]

    inventory = assemble([file("d/a.list", PY)], [file("x.list", database), *links])

    assert [item.owned_by for item in inventory.packages if item.package.type == "pypi"] == [owner]


def test_an_owned_file_that_is_replaced_by_another_version_is_still_the_owners_path() -> None:
    inventory = assemble(
        [file("d/a.list", PY), file("x.list", b"deb one 1\nowns d/a.list one\n")], [file("x.list", b"deb two 1\n")]
    )

    assert [item.owned_by for item in inventory.packages if item.package.type == "pypi"] == [""]


def real(*layers: list[bytes]) -> Inventory:
    return inventory_assemble([LayerSlot(f"L{n}", layer_read([tar(*parts)])) for n, parts in enumerate(layers)])


DEBIAN = Distribution("debian", "12", "Debian 12", "bookworm")
DISTRIBUTIONS = {
    "os-release": ([[file("etc/os-release", OS_RELEASE)]], DEBIAN),
    "only in usr/lib": ([[file("usr/lib/os-release", OS_RELEASE)]], DEBIAN),
    "link and target in different layers": (
        [[file("usr/lib/os-release", OS_RELEASE)], [symlink("etc/os-release", "../usr/lib/os-release")]],
        DEBIAN,
    ),
    "etc before usr/lib": (
        [[file("usr/lib/os-release", b"ID=fedora\n"), file("etc/os-release", OS_RELEASE)]],
        DEBIAN,
    ),
    "etc linked again": (
        [
            [file("usr/lib/os-release", OS_RELEASE), file("etc/os-release", b"ID=fedora\n")],
            [symlink("etc/os-release", "/usr/lib/os-release")],
        ],
        DEBIAN,
    ),
    "os-release before debian_version": (
        [
            [
                file("etc/debian_version", b"bookworm/sid\n"),
                file("etc/os-release", b"ID=ubuntu\nVERSION_ID=22.04\nNAME=U"),
            ]
        ],
        Distribution("ubuntu", "22.04", "U"),
    ),
    "debian_version fills in": (
        [[file("etc/debian_version", b"trixie/sid\n"), file("etc/os-release", b"ID=debian\nNAME=D")]],
        Distribution("debian", "", "D", "trixie"),
    ),
    "debian_version alone": (
        [[file("etc/debian_version", b"7.11\n")]],
        Distribution("debian", "7.11", "Debian GNU/Linux 7.11"),
    ),
    "replaced by an upper layer": (
        [[file("etc/os-release", b"ID=alpine\n")], [file("etc/os-release", OS_RELEASE)]],
        DEBIAN,
    ),
    "removed": ([[file("etc/os-release", OS_RELEASE)], [file("etc/.wh.os-release")]], None),
    "none": ([[file("a")]], None),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_the_distribution_is_what_the_best_file_of_the_merged_tree_says(name: str) -> None:
    layers, expected = DISTRIBUTIONS[name]

    assert real(*layers).distribution == expected


def test_a_lesser_mark_that_says_nothing_is_no_gap_once_the_distribution_is_known() -> None:
    nonsense = file("etc/lsb-release", b"LSB_VERSION=base-4.0\n")

    assert real([nonsense, file("etc/os-release", OS_RELEASE)]).complete
    assert not real([nonsense]).complete


def test_a_database_that_a_link_took_to_an_unknown_place_is_unread() -> None:
    moved = [file("opt/dpkg/status", b"x"), symlink("var/lib/dpkg", "/opt/dpkg")]

    (gap,) = real(moved).unread

    assert gap.path == "var/lib/dpkg/status"
    assert "opt/dpkg/status" in gap.reason
    assert real(moved, [file("opt/.wh.dpkg")]).complete
    assert real([symlink("var/lib/dpkg", "/opt/dpkg")]).complete


def test_an_image_without_layers_is_empty_and_complete() -> None:
    inventory = inventory_assemble([])

    assert (inventory.distribution, inventory.packages, inventory.complete) == (None, (), True)
    assert "nothing is known of what is installed" in inventory.notes[0]


def test_packages_beyond_the_limit_are_left_out_and_that_is_said() -> None:
    layer = LayerSlot("L0", layer_read([tar(file("a.list", b"deb one 1\ndeb two 2\ndeb three 3\n"))], catalogers=LIST))

    inventory = inventory_assemble([layer], Limits(image_packages=2))

    assert len(inventory.packages) == 2
    assert "only 2 are listed. Setting: LAYER_LIMIT_IMAGE_PACKAGES." in inventory.unread[0].reason


def test_layers_above_what_an_image_may_expand_to_are_unread() -> None:
    slots = [
        LayerSlot(f"L{number}", layer_read([tar(file(f"{number}.list", ONE))], catalogers=LIST)) for number in (0, 1)
    ]

    inventory = inventory_assemble(slots, Limits(image_expanded_bytes=3000))

    assert listed(inventory) == {"one 1": "L0"}
    assert [(item.layer, "LAYER_LIMIT_IMAGE_EXPANDED_BYTES" in item.reason) for item in inventory.unread] == [
        ("L1", True)
    ]


def test_a_language_package_in_two_archives_of_one_file_is_listed_twice() -> None:
    evidence = Evidence(
        "a.war",
        "java",
        "",
        tuple(Package("maven", "g:a", "1", f"a.war!/lib/{name}.jar") for name in ("x", "y")),
    )
    layer = LayerSlot("L0", replace(layer_read([tar(file("x"))]), evidence=(evidence,)))

    assert [item.package.path for item in inventory_assemble([layer]).packages] == [
        "a.war!/lib/x.jar",
        "a.war!/lib/y.jar",
    ]


def test_an_image_that_names_its_system_and_has_no_database_says_so() -> None:
    inventory = inventory_assemble([LayerSlot("L0", layer_read([tar(file("etc/os-release", OS_RELEASE))]))])

    assert "names itself Debian 12, but no package database" in inventory.notes[0]


def test_language_packages_alone_are_said_to_be_alone() -> None:
    assert "only language packages are listed" in assemble([file("d/a.list", PY)]).notes[0]
