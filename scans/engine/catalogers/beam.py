"""Erlang and Elixir applications: the resource file beside their compiled modules, `ebin/<name>.app`. Reference B13.

Packages of Hex are installed as such; what belongs to Erlang/OTP or Elixir itself is listed and never matched.
"""

from scans.engine.catalogers.base import MIB, content_digest
from scans.engine.errors import CatalogError
from scans.engine.formats.erlang_application import erlang_application
from scans.engine.model import Evidence, Package

_FOLDER = "/ebin"
_SUFFIX = ".app"
_OF_OTP = frozenset({
    *("asn1", "common_test", "compiler", "crypto", "debugger", "dialyzer", "diameter", "edoc", "eldap", "erl_docgen"),
    *("erl_interface", "erts", "et", "eunit", "ftp", "hipe", "inets", "jinterface", "kernel", "megaco", "mnesia"),
    *("observer", "odbc", "os_mon", "otp_mibs", "parsetools", "public_key", "reltool", "runtime_tools", "sasl", "snmp"),
    *("ssh", "ssl", "stdlib", "syntax_tools", "tftp", "tools", "wx", "xmerl", "ic", "orber", "gs", "percept", "typer"),
    *("test_server", "webtool"),
    *("cosEvent", "cosEventDomain", "cosFileTransfer", "cosNotification", "cosProperty", "cosTime", "cosTransactions"),
})  # fmt: skip
_OF_ELIXIR = frozenset({"elixir", "eex", "ex_unit", "iex", "logger", "mix"})


class BeamCataloger:
    name = "beam"
    version = 1
    max_bytes = 4 * MIB
    basenames: frozenset[str] = frozenset()
    suffixes: tuple[str, ...] = (_SUFFIX,)
    prefixes: tuple[str, ...] = ()

    def wants(self, path: str) -> bool:
        """Any folder `ebin`: that of `lib/<name>-<version>` in releases, `lib/<name>` of Mix, `plugins` of RabbitMQ."""
        return path.endswith(_SUFFIX) and f"/{path}".rpartition("/")[0].endswith(_FOLDER)

    def parse(self, path: str, data: bytes) -> Evidence:
        """One application. Raises CatalogError where the file is no application's or says no version."""
        try:
            application = erlang_application(data)
        except ValueError as error:
            raise CatalogError(f"{path} cannot be read: {error}.") from error
        name, version = application.name, application.version
        if not version:
            raise CatalogError(f"{path} does not say the version of {name}.")
        owner = "Erlang/OTP" if name in _OF_OTP else "Elixir" if name in _OF_ELIXIR else ""
        package = Package(
            "hex",
            name,
            version,
            path,
            licenses=application.licenses,
            local=bool(owner),
            note=f"part of {owner}" if owner else "",
        )
        return Evidence(path, self.name, content_digest(data), packages=(package,))
