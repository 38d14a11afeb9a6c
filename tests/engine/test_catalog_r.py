"""Installed R packages (reference B13)."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.engine.catalogers.r import RCataloger
from scans.engine.errors import CatalogError
from scans.engine.model import Evidence, Package

CATALOGER = RCataloger()
PATH = "usr/local/lib/R/site-library/jsonlite/DESCRIPTION"
ELSEWHERE = "srv/app/renv/library/R-4.2/x86_64-pc-linux-gnu/jsonlite/DESCRIPTION"
BUILT = "Built: R 4.2.2; x86_64-pc-linux-gnu; 'Fri, 09 Dec 2022 11:32:41 +0100'; unix\n"
INSTALLED = f"""Package: jsonlite
Version: 1.8.4
Title: A Simple and Robust JSON Parser and Generator for R
License: MIT + file LICENSE
Description: A reasonably fast JSON parser,
    with a line
  Version: 9.9
Repository: CRAN
{BUILT}""".encode()


def _read(fields: str, path: str = PATH) -> Evidence:
    return CATALOGER.parse(path, f"Package: a.b\nVersion: 1.0-3\n{fields}".encode())


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (PATH, True),
        (ELSEWHERE, True),
        ("usr/lib64/R/library/stats/DESCRIPTION", True),
        ("opt/conda/lib/R/library/rlang/DESCRIPTION", True),
        ("DESCRIPTION", False),
        ("usr/lib/R/library/stats/DESCRIPTION.in", False),
        ("srv/repository.git/description", False),
    ],
)
def test_descriptions_in_folders_are_wanted(path, wanted):
    assert CATALOGER.wants(path) is wanted


@pytest.mark.parametrize("path", [PATH, ELSEWHERE])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_an_installed_package_is_read(path, end):
    evidence = CATALOGER.parse(path, INSTALLED.replace(b"\n", end))

    assert evidence.packages == (Package("cran", "jsonlite", "1.8.4", path, licenses=("MIT + file LICENSE",)),)


def test_a_source_or_template_is_passed_over():
    evidence = _read("Repository: CRAN\n", "usr/lib/R/library/x/templates/DESCRIPTION")

    assert (evidence.packages, evidence.error) == ((), "")


@pytest.mark.parametrize(
    ("fields", "kind", "note", "local"),
    [
        ("Repository: CRAN\n", "cran", "", False),
        ("Repository: RSPM\n", "cran", "", False),
        ("Repository: https://packagemanager.posit.co/cran/latest\n", "cran", "", False),
        ("Repository: CRAN\nRemoteType: standard\n", "cran", "", False),
        ("Priority: base\n", "cran", "part of R", True),
        ("License: Part of R 4.2.2\n", "cran", "part of R", True),
        ("Priority: recommended\nRepository: CRAN\n", "cran", "", False),
        ("RemoteType: github\nRepository: CRAN\n", "cran", "installed from github", True),
        ("Repository: https://x.r-universe.dev\n", "cran", "from the repository https://x.r-universe.dev", True),
        ("Repository: https://user:secret@x.org\n", "cran", "from another repository", True),
        ("biocViews: Software\ngit_url: https://git.bioconductor.org/packages/x\n", "bioconductor", "", False),
        ("Repository: Bioconductor 3.18\n", "bioconductor", "", False),
        ("biocViews: Software\n", "bioconductor", "", False),
        ("", "cran", "from no repository", True),
    ],
)
def test_where_a_package_comes_from_decides_whether_it_is_that_of_cran(fields, kind, note, local):
    (package,) = _read(fields + BUILT).packages

    assert (package.type, package.name, package.version) == (kind, "a.b", "1.0-3")
    assert (package.note, package.local) == (note, local)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 100,
        b"Package: a\n",
        b"Version: 1.0\n",
        b"Package: a b\nVersion: 1.0\n",
        b"Package: a\nVersion: one\n",
        b"Package: a\nVersion: " + b"1." * 100_000 + b"1\n",
        b"Package : " + b" " * 1_000_000,
        b"Package:" + b"\n " * 500_000,
        b"package: a\nversion: 1.0\n",
    ],
    ids=lambda data: f"{data[:24]!r}×{len(data)}",
)
def test_a_package_of_a_library_that_does_not_say_its_name_is_an_error(data):
    with pytest.raises(CatalogError, match="does not say which R package"):
        CATALOGER.parse(PATH, data)
    assert CATALOGER.parse("srv/docs/x/DESCRIPTION", data).packages == ()


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_mutated_files_give_evidence_or_a_catalog_error(data):
    start = data.draw(st.integers(0, len(INSTALLED)))
    end = data.draw(st.integers(start, len(INSTALLED)))

    with contextlib.suppress(CatalogError):
        mutated = INSTALLED[:start] + data.draw(st.binary(max_size=8)) + INSTALLED[end:]
        assert isinstance(CATALOGER.parse(PATH, mutated), Evidence)
