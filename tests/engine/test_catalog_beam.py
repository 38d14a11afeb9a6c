"""Erlang and Elixir applications (reference B13)."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.engine.catalogers.beam import BeamCataloger
from scans.engine.errors import CatalogError
from scans.engine.formats import erlang_application as module
from scans.engine.model import Evidence, Package

CATALOGER = BeamCataloger()
PATH = "srv/app/lib/recon-2.5.2/ebin/recon.app"
BY_REBAR = b"""%% coding: utf-8
{application,recon,
             [{description,"Tools, {vsn,\\"9.9\\"} and more"},
              {vsn,"2.5.2"},
              {modules,['recon','recon_alloc','Elixir.Recon']},
              {registered,[]},
              {applications,[kernel,stdlib]},
              {env,[{vsn,"8.8"},{licenses,["WTFPL"]}]},
              {licenses,["BSD"]},
              {links,[{"Github","https://example.org/"}]}]}.
"""


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (PATH, True),
        ("srv/_build/prod/lib/plug/ebin/plug.app", True),
        ("usr/lib/rabbitmq/plugins/ra-2.2.0/ebin/ra.app", True),
        ("ebin/x.app", True),
        ("srv/lib/plug/src/plug.app.src", False),
        ("srv/lib/plug/ebin/plug.beam", False),
        ("srv/x.app", False),
        ("srv/webin/x.app", False),
        ("srv/ebin/x/x.app", False),
    ],
)
def test_only_resource_files_beside_compiled_modules_are_wanted(path, wanted):
    assert CATALOGER.wants(path) is wanted


def test_an_application_is_read():
    evidence = CATALOGER.parse(PATH, BY_REBAR)

    assert evidence.packages == (Package("hex", "recon", "2.5.2", PATH, licenses=("BSD",)),)


@pytest.mark.parametrize(
    "data",
    [
        b'{application,recon,[{vsn,"2.5.2"}]}.',
        b"{application, 'recon',\n [ {vsn , \"2.5.2\"} ] }.",
        b'% {application, other, [{vsn,"1"}]}.\n{application,recon,[{modules,[\'A.B\',a]},{vsn,"2.5.2"}]}.',
        b'{application,recon,[{id,""},{maxT,infinity},{vsn,"2.5.2"},{mod,{recon_app,[{vsn,"3"}]}}]}. {more,',
        b'{application,recon,[{description,"a % b \xc3\xa9"},{vsn,"2.5.2"}]}.',
    ],
)
def test_terms_in_many_forms_are_read(data):
    (package,) = CATALOGER.parse(PATH, data).packages

    assert (package.name, package.version) == ("recon", "2.5.2")


@pytest.mark.parametrize(
    ("name", "note"), [("kernel", "part of Erlang/OTP"), ("ssl", "part of Erlang/OTP"), ("mix", "part of Elixir")]
)
def test_what_belongs_to_the_languages_is_local(name, note):
    data = BY_REBAR.replace(b"recon,\n", name.encode() + b",\n")

    (package,) = CATALOGER.parse(PATH, data).packages

    assert (package.name, package.local, package.note) == (name, True, note)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 100,
        b"{application,recon",
        b'{release,recon,[{vsn,"1"}]}.',
        b'{application,[{vsn,"1"}]}.',
        b"{application,'Re con',[{vsn,\"1\"}]}.",
        b'{application,recon,[{vsn,"1"',
        b'{application,recon,[{vsn,"1}]}.',
        b'}{application,recon,[{vsn,"1"}]}.',
        b"{application,recon,[{vsn,git}]}.",
        b'{application,recon,[{vsn,""}]}.',
        b'{application,recon,[{vsn,"1 2"}]}.',
        b"{application,recon,[]}.",
        b"[" * 1_000_000,
        b"{" + b"a," * 100_000,
        b'"' + b'\\"' * 500_000,
        b"'" + b"\\'" * 500_000,
        b'"' * 1_000_001,
    ],
    ids=lambda data: f"{data[:24]!r}×{len(data)}",
)
def test_what_is_no_application_is_an_error(data):
    with pytest.raises(CatalogError):
        CATALOGER.parse(PATH, data)


def test_a_file_of_too_many_tokens_is_an_error(monkeypatch):
    monkeypatch.setattr(module, "MAX_TOKENS", 10)

    with pytest.raises(CatalogError, match="more than 10 tokens"):
        CATALOGER.parse(PATH, BY_REBAR)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_mutated_files_give_evidence_or_a_catalog_error(data):
    start = data.draw(st.integers(0, len(BY_REBAR)))
    end = data.draw(st.integers(start, len(BY_REBAR)))

    with contextlib.suppress(CatalogError):
        mutated = BY_REBAR[:start] + data.draw(st.binary(max_size=8)) + BY_REBAR[end:]
        assert isinstance(CATALOGER.parse(PATH, mutated), Evidence)
