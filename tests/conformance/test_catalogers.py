"""Package databases and os-release files of other projects, against their expected lists.

Where we hold another answer right, the difference is in a table here and its reason in README.md.
"""

import json
import re

import pytest

from scans.engine.catalogers.apk import ApkCataloger
from scans.engine.catalogers.dpkg import DpkgCataloger
from scans.engine.catalogers.os_release import OsReleaseCataloger, distribution_choose
from scans.engine.ecosystems import ecosystem_of
from scans.engine.errors import CatalogError

DPKG_STATUS = "var/lib/dpkg/status"
NOT_ON_DISK = {"config-files", "not-installed"}
MORE_THAN_DPKG_QUERY = {
    "syft/image-distroless/var/lib/dpkg/status.d/libsqlite3-0": {"libsqlite3-0"},
    "syft/image-dpkg/var/lib/dpkg/status": {"libpam-runtime"},
    "syft/var/lib/dpkg/status.d/doc-examples": {"made-up-package-1", "made-up-package-2", "made-up-package-3"}
    | {"made-up-package-4", "mutt"},
    "syft/var/lib/dpkg/status.d/multiple": {"tzdata", "util-linux"},
    "syft/var/lib/opkg/status": {"busybox", "dropbear", "kernel-modules"},
    "trivy/corrupsed.txtar#var/lib/dpkg/status": {"invalidpkg"},
}
"""Fixture → packages that dpkg-query does not list, or lists with another source version, and we do. See README.md."""


def _members(text: str) -> dict[str, str]:
    """The files of a txtar archive."""
    parts = re.split(r"^-- (.+) --\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _read(folder, name: str) -> bytes | None:
    file, _, member = name.partition("#")
    path = folder / file
    if not path.exists():
        return None
    return _members(path.read_text("utf-8"))[member].encode() if member else path.read_bytes()


def _tables(path) -> list[dict]:
    return [row for table in json.loads(path.read_text("utf-8"))["tables"].values() for row in table]


def test_dpkg_databases_read_as_dpkg_query_reads_them(conformance_data):
    folder = conformance_data / "pkgdb/dpkg"
    expected = json.loads((folder / "dpkg-query.expected.json").read_text("utf-8"))
    differences, seen = {}, 0
    for name, want in expected.items():
        data = _read(folder, name)
        if data is None:
            continue
        seen += 1
        rows = [row for row in want["packages"] if row["status"].split()[-1] not in NOT_ON_DISK]
        theirs = {(row["package"], row["version"], row["source"], row["source_version"]) for row in rows}
        try:
            packages = DpkgCataloger().parse(f"{DPKG_STATUS}.d/x", data).packages
        except CatalogError:
            packages = ()
        ours = {(item.name, item.version, item.source_name, item.source_version) for item in packages}
        assert {row[0] for row in theirs} <= {row[0] for row in ours}
        if theirs != ours:
            differences[name] = {row[0] for row in ours ^ theirs}

    assert differences == MORE_THAN_DPKG_QUERY
    assert seen > 10


def test_third_party_packages_of_dpkg_are_those_that_trivy_knows(conformance_data):
    folder = conformance_data / "pkgdb/dpkg/trivy"
    for case in json.loads((folder / "expected.json").read_text("utf-8")):
        for database in case["want"].get("PackageInfos") or []:
            data = _members((folder / case["fixture"]).read_text("utf-8"))[DPKG_STATUS]
            ours = {
                item.name for item in DpkgCataloger().parse(DPKG_STATUS, data.encode()).packages if item.third_party
            }
            rows = database["Packages"]

            assert ours == {row["Name"] for row in rows if row["Repository"]["Class"].endswith("ThirdParty")}


def test_apk_databases_read_as_expected(conformance_data):
    folder = conformance_data / "pkgdb/apk"
    seen = 0
    for name, rows in json.loads((folder / "expected.json").read_text("utf-8"))["parsed"].items():
        data = _read(folder, name)
        if data is None:
            continue
        seen += 1
        ours = [
            (item.name, item.version, item.arch, item.source_name, item.licenses)
            for item in ApkCataloger().parse("lib/apk/db/installed", data).packages
        ]
        theirs = [
            (
                row["package"],
                row["version"],
                row["architecture"] or "",
                row["origin"] or row["package"],
                (row["license"],) if row["license"] else (),
            )
            for row in rows
            if row["package"] and row["version"]
        ]
        assert ours == theirs, name
    assert seen > 5


@pytest.mark.parametrize("release", ["edge", "v3.10", "v3.12", "v3.14", "v3.16", "v3.17", "v3.19"])
def test_databases_of_alpine_s_own_images_are_read_whole(conformance_data, release):
    data = (conformance_data / "pkgdb/apk/docker-alpine" / release / "lib/apk/db/installed").read_bytes()

    evidence = ApkCataloger().parse("lib/apk/db/installed", data)

    assert len(evidence.packages) == data.count(b"\nP:") + data.startswith(b"P:")
    assert evidence.error == ""
    assert {"musl", "busybox", "apk-tools"} <= {item.name for item in evidence.packages}


FAMILIES = {
    "RedHat": "rhel", "Alma": "almalinux", "Oracle": "ol", "Azure": "azurelinux",
    "OpenSUSETumbleweed": "opensuse-tumbleweed", "CBLMariner": "mariner", "CentOSStream": "centos",
}  # fmt: skip
"""Trivy's name of a family → the ID that the file has."""
SEVERAL_IDS = {
    "SLEMicro": {"sle-micro", "sl-micro", "sle-micro-rancher"},
    "OpenSUSELeap": {"opensuse", "opensuse-leap"},
}
MORE_THAN_TRIVY = {"unknown": "unknown", "no-version": "alpine"}


def test_os_release_files_read_as_trivy_reads_them(conformance_data):
    folder = conformance_data / "os/trivy-os-release"
    for row in _tables(folder / "expected.json"):
        file = row["inputFile"].rpartition("/")[2]
        if file == "no-id":
            with pytest.raises(CatalogError):
                OsReleaseCataloger().parse("etc/os-release", (folder / file).read_bytes())
            continue
        found = OsReleaseCataloger().parse("etc/os-release", (folder / file).read_bytes()).distribution
        if file in MORE_THAN_TRIVY:
            assert found.family == MORE_THAN_TRIVY[file]
            continue
        family, version = row["want"]["OS"]["Family"], row["want"]["OS"]["Name"]
        assert found.family in SEVERAL_IDS.get(family, {FAMILIES.get(family, family.lower())})
        assert found.version == version


def test_os_release_files_read_as_claircore_reads_them(conformance_data):
    files = sorted((conformance_data / "os/claircore-os-release").glob("*.txtar"))
    for file in files:
        members = _members(file.read_text("utf-8"))
        want = json.loads(members["Parsed"])
        found = OsReleaseCataloger().parse("etc/os-release", members["os-release"].encode()).distribution

        assert (found.family, found.version) == (want["ID"], want.get("VERSION_ID", "")), file.name
        assert found.name == want["PRETTY_NAME"]
    assert len(files) > 5


def test_release_texts_of_the_red_hat_kind_read_as_trivy_reads_them(conformance_data):
    folder = conformance_data / "os/trivy-redhatbase"
    want = {
        "alma/almalinux-release": ("almalinux", "8.4"),
        "centos/centos-release": ("centos", "7.6.1810"),
        "fedora_29/fedora-release": ("fedora", "29"),
        "oracle_7/oracle-release": ("ol", "7.6"),
        "redhat_6/redhat-release": ("rhel", "6.2"),
        "rocky/rocky-release": ("rocky", "8.4"),
    }
    for file, family_and_version in want.items():
        path = f"etc/{file.rpartition('/')[2]}"
        found = OsReleaseCataloger().parse(path, (folder / file).read_bytes()).distribution

        assert (found.family, found.version) == family_and_version
    with pytest.raises(CatalogError):
        OsReleaseCataloger().parse("etc/redhat-release", (folder / "not_redhatbase/empty").read_bytes())


@pytest.mark.parametrize("release", ["edge", "v3.10", "v3.12", "v3.14", "v3.16", "v3.17", "v3.19"])
def test_alpine_s_own_images_name_their_release(conformance_data, release):
    root = conformance_data / "pkgdb/apk/docker-alpine" / release
    wanted = [root / name for name in ("usr/lib/os-release", "etc/alpine-release", "etc/apk/repositories")]
    wanted += [root / "etc/os-release"] if not wanted[0].exists() else []
    wanted = [file for file in wanted if file.exists()]
    evidence = [OsReleaseCataloger().parse(f.relative_to(root).as_posix(), f.read_bytes()) for f in wanted]

    ecosystem = ecosystem_of(distribution_choose(evidence))

    assert (ecosystem.release if ecosystem else "edge") == release
