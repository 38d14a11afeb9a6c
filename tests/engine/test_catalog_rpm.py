"""rpm databases in their three forms, by the real tools and byte by byte, whole and broken."""

import contextlib
import shutil
import sqlite3
import struct
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.engine.catalogers.rpm import RpmCataloger, is_third_party
from scans.engine.catalogers.rpm_manifest import RpmManifestCataloger
from scans.engine.content import Deadline, MemoryContent
from scans.engine.errors import CatalogError
from scans.engine.limits import DEFAULT_LIMITS
from scans.engine.model import Evidence
from tests.engine.rpmmaker import NUMBER, TEXT, bdb, header, ndb, raw_header, sqlite

CATALOGER = RpmCataloger()
PATH = "var/lib/rpm/Packages"
LARGE = header("large", files=[("/usr/lib/very/long/folder/", f"file-{number}.txt") for number in range(300)])
TWO = [header("one", epoch=2), header("two")]
_DB_LOAD = shutil.which("db5.3_load") or shutil.which("db_load")


def read(data: bytes, wal: bytes | None = None) -> Evidence:
    partner = MemoryContent(wal) if wal is not None else None
    evidence = CATALOGER.inspect(PATH, MemoryContent(data), DEFAULT_LIMITS, Deadline(60), partner)
    assert evidence is not None
    return evidence


def names(evidence: Evidence) -> list[str]:
    return [package.name for package in evidence.packages]


@pytest.fixture(params=["sqlite", "ndb", "bdb", "bdb of a big-endian host"])
def database(request, tmp_path):
    """A maker of databases of each form."""
    return {
        "sqlite": lambda blobs: sqlite(tmp_path, blobs)[0],
        "ndb": ndb,
        "bdb": bdb,
        "bdb of a big-endian host": lambda blobs: bdb(blobs, order=">"),
    }[request.param]


def test_every_form_gives_the_packages_in_it(database):
    evidence = read(database([*TWO, LARGE]))

    assert [(package.name, package.version) for package in evidence.packages] == [
        ("one", "2:1.0-1.el9"),
        ("two", "1.0-1.el9"),
        ("large", "1.0-1.el9"),
    ]
    assert evidence.error == ""


def test_a_broken_header_leaves_the_others(database):
    evidence = read(database([header("one"), b"\xff" * 40, header("two")]))

    assert names(evidence) == ["one", "two"]
    assert "a header cannot be read" in evidence.error


def test_a_database_of_broken_headers_only_is_an_error(database):
    with pytest.raises(CatalogError, match="cannot be read as an rpm database"):
        read(database([b"\xff" * 40]))


def test_a_cut_database_is_never_whole(database):
    data = database([header(f"p{number}") for number in range(60)])

    try:
        evidence = read(data[: len(data) * 2 // 3])
    except CatalogError:
        return
    assert evidence.error


def test_imported_keys_are_no_packages(database):
    assert names(read(database([header("gpg-pubkey", "a", "b"), header("one")]))) == ["one"]


def test_several_versions_of_one_name_are_kept(database):
    evidence = read(database([header("kernel-core", "5"), header("kernel-core", "6")]))

    assert [package.version for package in evidence.packages] == ["5-1.el9", "6-1.el9"]


def test_all_that_a_header_says_is_kept():
    blob = header("libx", epoch=1, source="x-1.0-1.el9.src.rpm", t5096="nodejs:18:80:abc")
    (package,) = read(ndb([blob])).packages

    assert (package.arch, package.licenses, package.vendor) == ("x86_64", ("MIT",), "Red Hat, Inc.")
    assert (package.source_name, package.source_version) == ("x", "1:1.0-1.el9")
    assert package.modularity == "nodejs:18:80:abc"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("perl-5.26.3-419.el8.src.rpm", ("perl", "5.26.3-419.el8")),
        ("hello-1.0-1.el9.src.rpm", ("hello", "4:1.0-1.el9")),
        ("a-b-c-1.0-1.el9.nosrc.rpm", ("a-b-c", "4:1.0-1.el9")),
        ("python3-3.9.9-24.oe2203sp2.x86_64.rpm", ("python3", "3.9.9-24.oe2203sp2")),
        ("(none)", ("hello", "4:1.0-1.el9")),
        ("nonsense", ("hello", "4:1.0-1.el9")),
    ],
)
def test_the_source_has_its_own_version(source, expected):
    (package,) = read(ndb([header(epoch=4, source=source)])).packages

    assert (package.source_name, package.source_version) == expected


@pytest.mark.parametrize(
    ("vendor", "release", "expected"),
    [
        ("Red Hat, Inc.", "1.el9", False),
        ("Fedora Project", "1.fc40", False),
        ("Fedora Project", "1.el9", True),
        ("Remi Collet", "1.el7.remi", True),
        ("Amazon Linux", "1.amzn2023", False),
        ("", "1.amzn2", False),
        ("", "1", True),
        ("Fedora Project", "3.module_el8+10+abc", True),
        ("http://openeuler.org", "1.oe2203", False),
        ("Amazon.com", "1.amzn1", False),
        ("Microsoft Corporation", "1.azl3", False),
        ("SUSE LLC <https://www.suse.com/>", "1", False),
        ("NodeSource", "1nodesource", True),
    ],
)
def test_other_vendors_packages_are_third_party(vendor, release, expected):
    assert is_third_party(vendor, release) is expected


def test_files_that_language_packages_have_are_owned():
    files = [
        ("/usr/lib/python3.9/site-packages/urllib3-1.24.2.dist-info/", "METADATA"),
        ("/usr/bin/", "podman"),
        ("/usr/share/doc/x/", "README"),
    ]

    assert read(ndb([header("one", files=files)])).owned == (
        ("usr/lib/python3.9/site-packages/urllib3-1.24.2.dist-info/METADATA", "one"),
        ("usr/bin/podman", "one"),
    )


def test_a_list_of_files_that_contradicts_itself_is_left_out():
    blob = header("one", files=[("/usr/bin/", "podman")])
    broken = blob.replace(struct.pack(">I", 0) + b"podman", struct.pack(">I", 9) + b"podman")

    assert broken != blob
    assert read(ndb([broken])).owned == ()
    assert names(read(ndb([broken]))) == ["one"]


def test_latin_1_text_is_read():
    (package,) = read(ndb([header("one", vendor=b"Caf\xe9 Project")])).packages

    assert package.vendor == "Café Project"


def test_a_write_ahead_log_is_read_with_its_database(tmp_path):
    data, wal = sqlite(tmp_path, TWO, log=[header("three"), LARGE])

    assert names(read(data)) == ["one", "two"]
    assert names(read(data, wal)) == ["one", "two", "three", "large"]
    assert names(read(data, b"")) == ["one", "two"]


def test_a_log_counts_as_far_as_its_checksums_hold(tmp_path):
    data, wal = sqlite(tmp_path, TWO, log=[header("three"), header("four")])
    damaged = wal[:-500] + b"x" + wal[-499:]

    assert names(read(data, damaged)) == ["one", "two", "three"]


@pytest.mark.parametrize("wal", [b"nonsense", bytes(32), b"\x37\x7f\x06\x82" + bytes(28)])
def test_a_log_that_is_none_is_named(tmp_path, wal):
    evidence = read(sqlite(tmp_path, TWO)[0], wal)

    assert names(evidence) == ["one", "two"]
    assert "write-ahead log" in evidence.error


def test_a_table_of_another_name_is_an_error(tmp_path):
    with pytest.raises(CatalogError, match="without a table Packages"):
        read(sqlite(tmp_path, TWO, table="Packets")[0])


def test_a_view_is_no_table(tmp_path):
    data, _ = sqlite(tmp_path, TWO, table="Packets")
    view = data.replace(b"tablePacketsPackets", b"view_PackagesPackets"[: len(b"tablePacketsPackets")])

    with pytest.raises(CatalogError):
        read(view)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty file"),
        (b"nonsense" * 100, "none of the three kinds"),
        (b"SQLite format 3\0", "cut off"),
        (b"SQLite format 3\0" + bytes(100), "page size"),
        (b"RpmP", "cut off"),
        (b"RpmP" + struct.pack("<III", 0, 1, 0xFFFFFFFF) + bytes(16), "pages of slots"),
        (b"RpmP" + struct.pack("<III", 7, 1, 1) + bytes(16), "version 7"),
        (bytes(12) + struct.pack("<I", 0x00061561), "cut off"),
        (bytes(12) + struct.pack("<II", 0x00061561, 9) + bytes(600), "page size"),
        (bytes(12) + struct.pack(">II", 0x00053162, 9) + bytes(600), "b-tree"),
    ],
)
def test_what_is_no_rpm_database_says_why(data, words):
    with pytest.raises(CatalogError, match=words):
        read(data)


def test_an_encrypted_database_says_so():
    data = bytearray(bdb(TWO))
    data[24] = 1

    with pytest.raises(CatalogError, match="encrypted"):
        read(bytes(data))


@pytest.mark.parametrize("target", [lambda first: first, lambda _: 0, lambda _: 1, lambda _: 99_999])
def test_a_chain_of_pages_that_loops_or_leads_astray_ends(target):
    evidence = read(bdb([header("one"), LARGE], overflow=target))

    assert names(evidence) == ["one"]
    assert "chain of pages is broken" in evidence.error


@pytest.mark.parametrize("change", [{"checksum": 1}, {"tail": b"xxxx"}, {"index": 77}])
def test_a_broken_frame_of_an_ndb_record_is_named(change):
    with pytest.raises(CatalogError, match="package 1 has a"):
        read(ndb([header("one")], **change))


def test_sqlite_pages_that_loop_end(tmp_path):
    data = bytearray(sqlite(tmp_path, [header(f"p{number}") for number in range(200)])[0])
    for start in range(0, len(data), 1024):
        if data[start] == 0x05:  # every inner page of the tables leads to itself
            data[start + 8 : start + 12] = struct.pack(">I", start // 1024 + 1)

    evidence = read(bytes(data))

    assert "part of a loop" in evidence.error


@pytest.mark.parametrize(
    "blob",
    [
        struct.pack(">II", 0xFFFFFFFF, 0xFFFFFFFF),
        struct.pack(">II", 65535, 0),
        struct.pack(">II", 1, 0),
        raw_header([(1000, TEXT, 1, b"unterminated")]),
        raw_header([(1000, NUMBER, 0x7FFFFFFF, b"x")]),
        raw_header([(1000, TEXT, 1, b"name\0"), (1117, 8, 0xFFFFFFFF, b"a\0"), (1116, 4, 0xFFFFFFFF, b"")]),
        header("a\x1b[31m"),
        header(""),
        header("x" * 2000),
    ],
)
def test_headers_with_absurd_numbers_are_named(blob):
    evidence = read(ndb([header("one"), blob]))

    assert names(evidence) == ["one"]
    assert evidence.error


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_change_of_bytes_gives_evidence_or_a_catalog_error(data, tmp_path_factory):
    seeds = [ndb(TWO), bdb([*TWO, LARGE]), sqlite(tmp_path_factory.getbasetemp(), [*TWO, LARGE])[0]]
    changed = bytearray(data.draw(st.sampled_from(seeds)))
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(changed) - 1))
        changed[place] = data.draw(st.sampled_from([0, 1, 2, 5, 7, 13, 0x7F, 0x80, 0xFF]))
    with contextlib.suppress(CatalogError):
        assert isinstance(read(bytes(changed)), Evidence)


@pytest.fixture
def rpm(tmp_path):
    """Packages by the real rpmbuild, and the command that the real rpm installs them with."""
    if not shutil.which("rpmbuild"):
        pytest.skip("no rpmbuild: Debian's package rpm brings it")
    (tmp_path / "x.spec").write_text(
        "Name: probe\nEpoch: 3\nVersion: 1.2\nRelease: 4\nSummary: x\nLicense: MIT\nBuildArch: noarch\nVendor: Probe\n"
        "%description\nx\n%install\nmkdir -p %{buildroot}/usr/bin; touch %{buildroot}/usr/bin/probe\n"
        "%files\n/usr/bin/probe\n%package libs\nSummary: y\nVersion: 9\n%description libs\ny\n%files libs\n"
    )
    run = ["rpmbuild", "-bb", "--quiet", "--define", f"_topdir {tmp_path}/top", "x.spec"]
    subprocess.run(run, cwd=tmp_path, check=True, capture_output=True)
    packages = sorted(map(str, tmp_path.glob("top/RPMS/noarch/*.rpm")))
    command = ["rpm", "--root", str(tmp_path / "root"), "--dbpath", "/var/lib/rpm"]
    return packages, [*command, "-i", "--justdb", "--nodeps", "--noscripts"]


def test_a_database_of_the_real_rpm_is_read(rpm, tmp_path):
    packages, install = rpm
    subprocess.run([*install, *packages], check=True, capture_output=True)

    evidence = read((tmp_path / "root/var/lib/rpm/rpmdb.sqlite").read_bytes())

    rows = sorted((p.name, p.version, p.source_name, p.source_version, p.vendor) for p in evidence.packages)
    assert rows == [
        ("probe", "3:1.2-4", "probe", "3:1.2-4", "Probe"),
        ("probe-libs", "3:9-4", "probe", "1.2-4", "Probe"),
    ]
    assert ("usr/bin/probe", "probe") in evidence.owned
    assert evidence.error == ""


def test_what_the_real_rpm_left_in_its_log_is_read(rpm, tmp_path):
    (first, second), install = rpm
    subprocess.run([*install, first], check=True, capture_output=True)
    database = tmp_path / "root/var/lib/rpm/rpmdb.sqlite"
    with contextlib.closing(sqlite3.connect(database)) as reader:  # so that rpm cannot empty its log when it ends
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM Packages").fetchall()
        subprocess.run([*install, second], check=True, capture_output=True)
        main, wal = database.read_bytes(), database.with_name("rpmdb.sqlite-wal").read_bytes()

    assert names(read(main)) == ["probe"]
    assert names(read(main, wal)) == ["probe", "probe-libs"]
    assert read(main, wal).error == ""


@pytest.mark.skipif(not _DB_LOAD, reason="no db_load: Debian's package db5.3-util brings it")
@pytest.mark.parametrize("order", [1234, 4321])
@pytest.mark.parametrize("page_size", [512, 4096, 65536])
def test_a_hash_file_of_the_real_berkeley_db_is_read(tmp_path, order, page_size):
    blobs = [header(f"p{number}", files=[("/usr/lib/x/", f"f{n}") for n in range(number)]) for number in range(80)]
    records = [(b"\0\0\0\0", struct.pack("<I", len(blobs)))]
    records += [(struct.pack("<I", number), blob) for number, blob in enumerate(blobs, start=1)]
    dump = f"VERSION=3\nformat=bytevalue\ntype=hash\ndb_pagesize={page_size}\ndb_lorder={order}\nHEADER=END\n"
    dump += "".join(f" {key.hex()}\n {value.hex()}\n" for key, value in records) + "DATA=END\n"
    file = tmp_path / "Packages"
    subprocess.run([_DB_LOAD, str(file)], input=dump, text=True, check=True, capture_output=True)

    evidence = read(file.read_bytes())

    assert sorted(names(evidence)) == sorted(f"p{number}" for number in range(80))
    assert evidence.error == ""


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("var/lib/rpm/Packages", True),
        ("var/lib/rpm/rpmdb.sqlite", True),
        ("usr/lib/sysimage/rpm/Packages.db", True),
        ("usr/share/rpm/rpmdb.sqlite", True),
        ("opt/chroot/var/lib/rpm/Packages", True),
        ("xvar/lib/rpm/Packages", False),
        ("var/lib/rpm/Index.db", False),
        ("usr/share/doc/Packages", False),
    ],
)
def test_only_rpms_own_places_are_read(path, wanted):
    assert CATALOGER.wants(path) is wanted


LINE = (
    "bash\t5.1.8-1.cm2\t1653816591\t1653628924\tMicrosoft Corporation\t(none)\t3515706\tx86_64\t0\t"
    "bash-5.1.8-1.cm2.src.rpm"
)


def test_azure_linux_distroless_images_list_their_packages():
    epoch = LINE.replace("bash", "openssl").replace("\t0\t", "\t1\t")
    evidence = RpmManifestCataloger().parse("var/lib/rpmmanifest/container-manifest-2", f"{LINE}\n{epoch}\n".encode())

    assert [(p.name, p.version, p.arch, p.source_name) for p in evidence.packages] == [
        ("bash", "5.1.8-1.cm2", "x86_64", "bash"),
        ("openssl", "1:5.1.8-1.cm2", "x86_64", "openssl"),
    ]


@pytest.mark.parametrize(
    ("epoch", "number", "expected"),
    [("(none)", "0", "5.1.8-1.cm2"), ("1", "1", "1:5.1.8-1.cm2"), ("2", "(none)", "2:5.1.8-1.cm2")],
)
def test_the_epoch_of_a_line_is_its_number(epoch, number, expected):
    line = LINE.replace("(none)", epoch).replace("\t0\t", f"\t{number}\t")

    (package,) = RpmManifestCataloger().parse("m", line.encode()).packages

    assert package.version == expected


@pytest.mark.parametrize("bad", ["nonsense", LINE.replace("\t0\t", "\t\u0661\t"), LINE.replace("bash", "")])
def test_a_line_of_another_form_is_named_and_a_file_of_such_is_an_error(bad):
    cataloger = RpmManifestCataloger()

    assert "line 2 is not understood" in cataloger.parse("m", f"{LINE}\n{bad}\n".encode()).error
    with pytest.raises(CatalogError, match="not a list"):
        cataloger.parse("m", f"{bad}\n".encode())


def test_an_empty_list_is_not_a_system_without_packages():
    with pytest.raises(CatalogError, match="lists no package"):
        RpmManifestCataloger().parse("m", b"\n")
