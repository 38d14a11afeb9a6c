"""What a Java archive says of itself: pom.properties, pom.xml and the manifest, from bytes. Reference B8.

No entity is resolved, no document type is read; what cannot be understood says nothing.
"""

import re
from dataclasses import dataclass
from xml.parsers import expat

_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,198}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+~-]{0,198}")
_PROPERTY = re.compile(rb"^[ \t]*(groupId|artifactId|version)[ \t]*[=:][ \t]*([^\r\n]*?)[ \t\r]*$", re.MULTILINE)
_OTHERWISE = re.compile(r"(?P<name>[A-Za-z0-9_.+-]*?[A-Za-z0-9+])[_.](?P<version>v?[0-9]+\.[0-9][A-Za-z0-9_.+~-]*)")
_DASHED = re.compile(r"(?P<name>[A-Za-z0-9_.+-]*?[A-Za-z0-9_.+])-(?P<version>v?[0-9][A-Za-z0-9_.+~-]*)")
_CLASSIFIER = re.compile(
    r"-(?:sources?|javadoc|tests?|shaded|all|jar-with-dependencies|linux-[a-z0-9_-]+|osx-[a-z0-9_-]+|windows-[a-z0-9_-]+"
    r"|x86_64|aarch_64|native|debug|bin|dist|exec|standalone|bundle|no_aop|nodeps)$"
)
_NO_CODE = re.compile(r"-(?:sources?|javadoc|tests?|test-sources)$")
_MAX_LICENSE = 200
_MAX_XML_DEPTH = 64


@dataclass(frozen=True, slots=True)
class Coordinates:
    """A Maven identity; any part may be empty."""

    group: str = ""
    artifact: str = ""
    version: str = ""

    @property
    def complete(self) -> bool:
        return bool(self.group and self.artifact and self.version)

    def or_else(self, other: "Coordinates") -> "Coordinates":
        """Empty parts filled from `other`."""
        return Coordinates(self.group or other.group, self.artifact or other.artifact, self.version or other.version)


def properties_coordinates(data: bytes) -> Coordinates:
    """A `pom.properties` file. Placeholders (`${revision}`) are no values."""
    found = {key.decode("ascii"): value.decode("utf-8", "replace") for key, value in _PROPERTY.findall(data)}
    return Coordinates(
        _matched(_ID, found.get("groupId", "")),
        _matched(_ID, found.get("artifactId", "")),
        _matched(_VERSION, found.get("version", "")),
    )


def file_name_coordinates(name: str) -> Coordinates:
    """`log4j-core-2.17.1.jar` → artifact and version; a name without a version gives nothing. `name` is a base name."""
    stem = name.rpartition(".")[0]
    stem = _CLASSIFIER.sub("", stem)
    match = _DASHED.fullmatch(stem) or _OTHERWISE.fullmatch(stem)
    if match is None:
        return Coordinates()
    return Coordinates("", _matched(_ID, match["name"]), _matched(_VERSION, match["version"].removeprefix("v")))


def holds_no_code(name: str) -> bool:
    """Whether an archive of this name holds sources, documentation or tests."""
    return _NO_CODE.search(name.rpartition(".")[0]) is not None


def manifest_fields(data: bytes) -> dict[str, str]:
    """The main section of a MANIFEST.MF, keys in lower case. Folded lines are joined before they are decoded."""
    text = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n").lstrip(b"\n")
    section = text.partition(b"\n\n")[0].replace(b"\n ", b"")
    fields: dict[str, str] = {}
    for line in section.split(b"\n"):
        key, colon, value = line.partition(b":")
        if colon:
            fields.setdefault(key.decode("utf-8", "replace").strip().lower(), value.decode("utf-8", "replace").strip())
    return fields


def manifest_coordinates(fields: dict[str, str], file_name: Coordinates) -> Coordinates:
    """The identity by a manifest; the file's name, where it has a version, names the artifact better."""
    symbolic = _matched(_ID, re.split(r"[;,\s]", fields.get("bundle-symbolicname", ""), maxsplit=1)[0])
    artifact = file_name.artifact or next(
        (
            found
            for key in ("short-name", "implementation-title", "specification-title", "bundle-name", "extension-name")
            if (found := _title(fields.get(key, "")))
        ),
        symbolic.rpartition(".")[2],
    )
    version = file_name.version or next(
        (
            found
            for key in ("plugin-version", "implementation-version", "bundle-version", "specification-version")
            if (found := _matched(_VERSION, fields.get(key, "").partition(" ")[0]))
        ),
        "",
    )
    return Coordinates(_group(fields, symbolic, artifact), artifact, version)


def _group(fields: dict[str, str], symbolic: str, artifact: str) -> str:
    """The group, as Maven's bundle plugin makes symbolic names: group and artifact, what they share once."""
    if artifact in KNOWN_GROUPS:
        return KNOWN_GROUPS[artifact]
    vendor = _dotted(fields.get("implementation-vendor-id", ""))
    vendor = "" if vendor in _HOUSES else vendor
    group = _matched(_ID, fields.get("group-id", ""))
    above = symbolic.rpartition(".")[0]
    title = _dotted(fields.get("implementation-title", "").partition("#")[0])
    extension = _dotted(fields.get("extension-name", ""))
    if group:
        return group
    if above and "." in above:
        return above
    bundle = artifact.rpartition(".")[0] if artifact.count(".") >= 2 else ""  # Eclipse names files by their bundle
    return vendor or extension or title or above or bundle


_HOUSES = frozenset({"org.apache", "org.eclipse", "com.google", "com.sun", "com.oracle", "org.jboss"})
"""Vendors that are the group of nothing that they publish."""


def _title(value: str) -> str:
    """A title that is an artifact's name: `log4j-core`, not `Apache Log4j Core`; `a.b#server;8` is `server`."""
    value = value.partition(";")[0].rpartition("#")[2]
    return _matched(_ID, value)


def _dotted(value: str) -> str:
    return value if "." in value and _ID.fullmatch(value) else ""


def _matched(pattern: re.Pattern[str], value: str) -> str:
    return value if len(value) <= 200 and pattern.fullmatch(value) else ""


def manifest_licenses(fields: dict[str, str]) -> tuple[str, ...]:
    """`Bundle-License`: names or addresses, attributes left out."""
    parts = (part.partition(";")[0].strip(' "') for part in fields.get("bundle-license", "").split(",")[:8])
    return tuple(dict.fromkeys(part for part in parts if 0 < len(part) <= _MAX_LICENSE and part.isprintable()))


def pom_coordinates(data: bytes) -> Coordinates:
    """A `pom.xml`: its own group, artifact and version, the parent's where it inherits them."""
    reader = _PomReader()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.doctype
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, _Refused, ValueError):
        return Coordinates()
    own, parent = reader.found.get("project", {}), reader.found.get("project/parent", {})
    return Coordinates(
        _matched(_ID, own.get("groupId", "") or parent.get("groupId", "")),
        _matched(_ID, own.get("artifactId", "")),
        _matched(_VERSION, own.get("version", "") or parent.get("version", "")),
    )


class _Refused(Exception):
    """The document has a type definition, or is deeper than any pom is."""


class _PomReader:
    """Keeps the text of the three elements, of the project and of its parent."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, str]] = {}
        self._path: list[str] = []

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        if len(self._path) >= _MAX_XML_DEPTH:
            raise _Refused
        self._path.append(name.rpartition(":")[2])

    def end(self, _name: str) -> None:
        self._path.pop()

    def text(self, data: str) -> None:
        if len(self._path) in (2, 3) and self._path[-1] in ("groupId", "artifactId", "version"):
            fields = self.found.setdefault("/".join(self._path[:-1]), {})
            fields[self._path[-1]] = (fields.get(self._path[-1], "") + data.strip())[:400]

    def doctype(self, *_: object) -> None:
        raise _Refused


_OLD_COMMONS = (
    "beanutils chain cli codec collections configuration daemon dbcp digester discovery el email fileupload httpclient "
    "io jelly jexl jxpath lang launcher logging math modeler net pool primitives validator"
)
_BY_GROUP = {
    "org.springframework": (
        "spring spring-aop spring-aspects spring-beans spring-context spring-context-support spring-core "
        "spring-expression spring-instrument spring-jdbc spring-jms spring-messaging spring-orm spring-oxm spring-test "
        "spring-tx spring-web spring-webflux spring-webmvc spring-websocket"
    ),
    "org.springframework.boot": (
        "spring-boot spring-boot-actuator spring-boot-actuator-autoconfigure spring-boot-autoconfigure "
        "spring-boot-loader spring-boot-starter"
    ),
    "org.springframework.security": (
        "spring-security-config spring-security-core spring-security-crypto spring-security-web"
    ),
    "log4j": "log4j",
    "org.apache.logging.log4j": "log4j-api log4j-core log4j-slf4j-impl log4j-1.2-api log4j-web log4j-jul",
    "ch.qos.logback": "logback-classic logback-core logback-access",
    "org.slf4j": "slf4j-api slf4j-simple slf4j-log4j12 jcl-over-slf4j jul-to-slf4j log4j-over-slf4j",
    "com.fasterxml.jackson.core": "jackson-annotations jackson-core jackson-databind",
    "com.fasterxml.jackson.dataformat": "jackson-dataformat-cbor jackson-dataformat-xml jackson-dataformat-yaml",
    "org.codehaus.jackson": "jackson-mapper-asl jackson-core-asl",
    "com.google.guava": "guava failureaccess listenablefuture",
    "com.google.code.gson": "gson",
    "com.google.protobuf": "protobuf-java protobuf-java-util protobuf-lite",
    "com.google.code.findbugs": "jsr305",
    "com.alibaba": "fastjson druid",
    "com.thoughtworks.xstream": "xstream",
    "com.mchange": "c3p0 mchange-commons-java",
    "com.h2database": "h2",
    "com.zaxxer": "HikariCP",
    "org.hsqldb": "hsqldb",
    "mysql": "mysql-connector-java",
    "com.mysql": "mysql-connector-j",
    "org.postgresql": "postgresql",
    "org.mariadb.jdbc": "mariadb-java-client",
    "com.microsoft.sqlserver": "mssql-jdbc",
    "org.apache.struts": "struts2-core struts-core",
    "org.apache.shiro": "shiro-core shiro-web shiro-spring",
    "org.apache.commons": (
        "commons-lang3 commons-text commons-compress commons-collections4 commons-configuration2 commons-dbcp2 "
        "commons-pool2 commons-math3 commons-csv commons-exec commons-vfs2 commons-jcs-core commons-crypto"
    ),
    "org.apache.httpcomponents": "httpclient httpcore httpmime httpasyncclient httpcore-nio",
    "org.apache.tomcat": (
        "tomcat-annotations-api tomcat-api tomcat-catalina tomcat-coyote tomcat-jasper tomcat-juli tomcat-servlet-api "
        "tomcat-util tomcat-util-scan tomcat-websocket tomcat-jdbc tomcat-dbcp"
    ),
    "org.apache.tomcat.embed": "tomcat-embed-core tomcat-embed-el tomcat-embed-jasper tomcat-embed-websocket",
    "org.eclipse.jetty": (
        "jetty-client jetty-http jetty-io jetty-server jetty-servlet jetty-servlets jetty-util jetty-webapp"
    ),
    "io.undertow": "undertow-core undertow-servlet",
    "io.netty": (
        "netty netty-all netty-buffer netty-codec netty-codec-http netty-codec-http2 netty-common netty-handler "
        "netty-resolver netty-transport"
    ),
    "org.apache.velocity": "velocity velocity-engine-core",
    "org.freemarker": "freemarker",
    "xerces": "xercesImpl",
    "xalan": "xalan serializer",
    "org.dom4j": "dom4j",
    "org.jdom": "jdom jdom2",
    "org.yaml": "snakeyaml",
    "org.bouncycastle": "bcprov-jdk15on bcprov-jdk18on bcpkix-jdk15on bcpkix-jdk18on bcprov-jdk15to18 bcprov-jdk14",
    "org.ow2.asm": "asm asm-tree asm-commons asm-util asm-analysis",
    "net.java.dev.jna": "jna jna-platform",
    "org.apache.ivy": "ivy",
    "org.apache.ant": "ant ant-launcher",
    "axis": "axis",
    "org.apache.poi": "poi poi-ooxml poi-scratchpad",
    "org.apache.pdfbox": "pdfbox fontbox",
    "org.apache.santuario": "xmlsec",
    "org.apache.zookeeper": "zookeeper",
    "org.apache.kafka": "kafka-clients",
    "org.apache.activemq": "activemq-all activemq-broker activemq-client",
    "org.hibernate": "hibernate-core hibernate-validator",
    "org.quartz-scheduler": "quartz",
    "org.codehaus.groovy": "groovy groovy-all",
    "org.codehaus.jettison": "jettison",
    "org.json": "json",
    "net.minidev": "json-smart",
    "com.jayway.jsonpath": "json-path",
    "com.nimbusds": "nimbus-jose-jwt",
    "com.github.ben-manes.caffeine": "caffeine",
    "junit": "junit",
}
KNOWN_GROUPS: dict[str, str] = {
    **{f"commons-{name}": f"commons-{name}" for name in _OLD_COMMONS.split()},
    **{artifact: group for group, artifacts in _BY_GROUP.items() for artifact in artifacts.split()},
}
"""Artifacts whose name only one group publishes, for archives that do not name their group (reference B8, D4 68)."""
