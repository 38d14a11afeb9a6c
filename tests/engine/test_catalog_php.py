"""Packages installed by Composer (reference B11, C9.9, E32)."""

import contextlib
import json
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.engine.catalogers.php import PhpCataloger
from scans.engine.errors import CatalogError
from scans.engine.formats import php_literal
from scans.engine.formats.php_literal import php_returned_value
from scans.engine.model import Evidence, Package

CATALOGER = PhpCataloger()
LIST = "srv/app/vendor/composer/installed.json"
ROOT = "srv/app/vendor/composer/installed.php"
LOG = {"name": "psr/log", "version": "1.1.4", "version_normalized": "1.1.4.0", "license": ["MIT"]}
INSTALLED_PHP = b"""<?php return array(
    'root' => array(
        'name' => 'acme/app',
        'pretty_version' => 'v2.1.0',
        'version' => '2.1.0.0',
        'reference' => null,
        'type' => 'project',
        'install_path' => __DIR__ . '/../../',
        'aliases' => array(),
        'dev' => true,
    ),
    'versions' => array(
        'psr/log' => array(
            'pretty_version' => '1.1.4',
            'version' => '1.1.4.0',
            'install_path' => __DIR__ . '/../psr/log',
            'aliases' => array(
                0 => '1.x-dev',
            ),
            'dev_requirement' => false,
        ),
    ),
);
"""


def _read(*entries: object, **fields: object) -> Evidence:
    return CATALOGER.parse(LIST, json.dumps({"packages": entries, "dev": True, **fields}).encode())


def _versions(evidence: Evidence) -> list[str]:
    return [package.version for package in evidence.packages]


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (LIST, True),
        (ROOT, True),
        ("composer/installed.json", True),
        ("var/www/3rdparty/composer/installed.json", True),
        ("srv/app/vendor/composer/InstalledVersions.php", False),
        ("srv/app/composer.lock", False),
        ("srv/app/installed.json", False),
        ("srv/mycomposer/installed.json", False),
    ],
)
def test_only_what_composer_installed_is_wanted(path, wanted):
    assert CATALOGER.wants(path) is wanted


@pytest.mark.parametrize("document", [{"packages": [LOG], "dev": True, "dev-package-names": []}, [LOG]])
def test_the_lists_of_both_composers_are_read(document):
    evidence = CATALOGER.parse(LIST, json.dumps(document).encode())

    assert evidence.packages == (Package("composer", "psr/log", "1.1.4", LIST, licenses=("MIT",)),)
    assert evidence.error == ""


@pytest.mark.parametrize(
    ("fields", "version", "note"),
    [
        ({"version": "v3.4.5"}, "3.4.5", ""),
        ({"version": "V3.4.5-RC1"}, "3.4.5-RC1", ""),
        ({"version": "version"}, "version", ""),
        ({"version": "1.0.0-dev"}, "1.0.0-dev", ""),
        ({"version": "v1.0.x-dev"}, "1.0.9999999.9999999-dev", "branch v1.0.x-dev"),
        ({"version": "2.x-dev", "version_normalized": "2.9999999.9999999.9999999-dev"}, None, "branch 2.x-dev"),
        ({"version": "2.x-dev"}, "2.9999999.9999999.9999999-dev", "branch 2.x-dev"),
        ({"version": "dev-main", "version_normalized": "dev-main"}, "dev-main", "branch dev-main"),
        ({"version": "dev-master", "version_normalized": "9999999-dev"}, "dev-master", "branch dev-master"),
        (
            {"version": "dev-main", "extra": {"branch-alias": {"dev-main": "2.4.x-dev"}}},
            "2.4.9999999.9999999-dev",
            "branch dev-main",
        ),
        (
            {"version": "dev-main", "extra": {"branch-alias": {"dev-main": "1.7-dev"}}},
            "1.7.9999999.9999999-dev",
            "branch dev-main",
        ),
        ({"version": "dev-main", "extra": {"branch-alias": {"dev-other": "1.7-dev"}}}, "dev-main", "branch dev-main"),
        ({"version": "dev-main", "extra": {"branch-alias": ["x"]}}, "dev-main", "branch dev-main"),
        ({"version": "", "version_normalized": "1.2.3.0"}, "1.2.3.0", ""),
    ],
)
def test_versions_are_such_as_can_be_compared_where_there_is_one(fields, version, note):
    (package,) = _read({"name": "a/b", **fields}).packages

    assert (package.version, package.note) == (version or fields["version_normalized"], note)


def test_names_are_in_lower_case():
    assert _read({"name": "Acme/One", "version": "1"}).packages[0].name == "acme/one"


@pytest.mark.parametrize("name", ["php", "php-64bit", "ext-mbstring", "lib-icu", "composer-plugin-api", "composer"])
def test_platform_packages_are_passed_over(name):
    evidence = _read(LOG, {"name": name, "version": "8.2.0"})

    assert (_versions(evidence), evidence.error) == (["1.1.4"], "")


@pytest.mark.parametrize(
    "entry",
    [
        {},
        7,
        None,
        {"name": "a/b"},
        {"name": "ab", "version": "1"},
        {"name": "a/b c", "version": "1"},
        {"name": "a/b", "version": 1.2},
        {"name": ["a/b"], "version": "1"},
        {"name": "a/b\x1b[31m", "version": "1"},
        {"name": "a/b", "version": "1\n2"},
        {"name": "a/" + "b" * 2000, "version": "1"},
    ],
)
def test_an_entry_that_is_no_package_is_said_to_be_missing(entry):
    evidence = _read(entry, LOG)

    assert _versions(evidence) == ["1.1.4"]
    assert evidence.error.startswith(f"{LIST} was read in part: entry 1: ")


@pytest.mark.parametrize(
    ("fields", "local", "note"),
    [
        ({"dist": {"type": "path", "url": "../b"}}, True, "path dependency"),
        ({"dist": {"type": "zip"}}, False, ""),
        ({"dist": None}, False, ""),
    ],
)
def test_a_path_dependency_is_local(fields, local, note):
    (package,) = _read({"name": "a/b", "version": "1", **fields}).packages

    assert (package.local, package.note) == (local, note)


@pytest.mark.parametrize(
    ("names", "note"), [(["A/B"], "development dependency"), (["x/y"], ""), ("a/b", ""), ([1], "")]
)
def test_development_dependencies_are_noted(names, note):
    (package,) = _read({"name": "a/b", "version": "1"}, **{"dev-package-names": names}).packages

    assert package.note == note


@pytest.mark.parametrize(
    ("fields", "hashes"),
    [
        ({"dist": {"shasum": "AB" * 20}}, (("SHA-1", "ab" * 20),)),
        ({"dist": {"shasum": ""}}, ()),
        ({"dist": {"shasum": "xy" * 20}}, ()),
        ({"dist": {"shasum": 5}}, ()),
    ],
)
def test_the_archive_s_hash_is_kept(fields, hashes):
    assert _read({"name": "a/b", "version": "1", **fields}).packages[0].hashes == hashes


@pytest.mark.parametrize(
    ("license_", "licenses"),
    [(["MIT", "GPL-2.0"], ("MIT", "GPL-2.0")), ("MIT", ("MIT",)), ([7, None, "x" * 300], ()), ({"a": 1}, ())],
)
def test_licenses_in_all_their_forms(license_, licenses):
    assert _read({"name": "a/b", "version": "1", "license": license_}).packages[0].licenses == licenses


@pytest.mark.parametrize("data", [b"", b"{", b"7", b'"x"', b"{}", b'{"packages": {}}', b"[" * 100_000, b"\xff\xfe"])
def test_what_is_no_list_is_an_error(data):
    with pytest.raises(CatalogError):
        CATALOGER.parse(LIST, data)


def test_an_empty_list_holds_nothing():
    assert (_read().packages, _read().error) == ((), "")


def test_installed_php_gives_the_root_package_alone():
    evidence = CATALOGER.parse(ROOT, INSTALLED_PHP)

    assert evidence.packages == (Package("composer", "acme/app", "2.1.0", ROOT, local=True, note="application root"),)


@pytest.mark.parametrize(
    ("name", "version", "expected"),
    [
        (b"__root__", b"1.0.0", []),
        (b"acme/app", b"1.0.0+no-version-set", [("acme/app", "")]),
        (b"acme/app", b"dev-main", [("acme/app", "dev-main")]),
        (b"acme\\'s/app", b"1", []),
    ],
)
def test_a_root_package_without_name_or_version(name, version, expected):
    data = INSTALLED_PHP.replace(b"acme/app", name).replace(b"v2.1.0", version)

    assert [(item.name, item.version) for item in CATALOGER.parse(ROOT, data).packages] == expected


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("array()", {}),
        ("[]", {}),
        ("array ( 0 => 'a', 'k' => NULL, )", {0: "a", "k": None}),
        ("['a', 'b' => [1, -2.5, TRUE,], 'c']", {0: "a", "b": {0: 1, 1: -2.5, 2: True}, 2: "c"}),
        (r"'it\'s a \\ \n'", "it's a \\ \\n"),
        ("'' . \"\\0\" . 'x'", "\0x"),
        ("__DIR__ . '/../x'", "/../x"),
        ('"plain"', "plain"),
        ("/* a */ 'x' // b\n", "x"),
        ("\\true", True),
    ],
)
def test_php_literals_are_read(literal, value):
    assert php_returned_value(f"<?php return {literal};".encode()) == value


@pytest.mark.parametrize(
    "header",
    [
        "<?php\n\n// generated\nreturn ",
        "\ufeff<?php return ",
        "<?php\ndeclare(strict_types=1);\nnamespace A\\B;\nreturn ",
    ],
)
def test_what_may_stand_before_the_value_is_passed_over(header):
    assert php_returned_value(f"{header}array('a' => 1);".encode()) == {"a": 1}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<?php",
        "<?php return ",
        "<?php return 'a'",
        "<?php return system('id');",
        "<?php system('id'); return array();",
        "<?php return array('a' => getenv('X'));",
        "<?php return array('a' => $x);",
        '<?php return "a $x";',
        "<?php return array('a' => `id`);",
        "<?php return array('a' => 'b'];",
        "<?php return array('a' => 'b' => 'c');",
        "<?php return array(array() => 'c');",
        "<?php return array('a' => );",
        "<?php return array('a';",
        "<?php return array(,);",
        "<?php return 'a' . 1;",
        "<?php return new A();",
        "<?php return 1 + 1;",
        "<?php return ;",
        "<?php return );",
        "<?php return " + "[" * 100_000,
        "<?php return '" + "x" * 100_000 + "';",
        "<?php return " + "9" * 5000 + ";",
        "<?php " + "/*" * 100_000,
        "<?php return '" + "\\'" * 200_000,
    ],
    ids=lambda text: text[6:40],
)
def test_php_that_is_more_than_a_literal_is_an_error(text):
    with pytest.raises(CatalogError, match="is not as Composer writes it"):
        CATALOGER.parse(ROOT, text.encode())


def test_a_file_of_too_many_tokens_is_an_error(monkeypatch):
    monkeypatch.setattr(php_literal, "MAX_TOKENS", 10)

    with pytest.raises(ValueError, match="more than 10 tokens"):
        php_returned_value(b"<?php return array(1,1,1,1,1,1,1,1);")


@pytest.mark.parametrize("text", ["<?php return 'x';", "<?php return array('versions' => array());"])
def test_a_file_without_a_root_package_is_an_error(text):
    with pytest.raises(CatalogError, match="does not name the root package"):
        CATALOGER.parse(ROOT, text.encode())


@pytest.mark.skipif(not shutil.which("php"), reason="php is not installed")
def test_what_php_exports_is_read():
    script = r"""$v = ['a' => "it's \\ \0 \n ü", 5 => [null, true, -7, 1.5, 'x' => []]];
        echo "<?php return ", var_export($v, true), ";\n";"""
    ran = subprocess.run(["php", "-n", "-r", script], capture_output=True, check=True, timeout=60)

    assert php_returned_value(ran.stdout) == {"a": "it's \\ \0 \n ü", 5: {0: None, 1: True, 2: -7, 3: 1.5, "x": {}}}


@pytest.mark.skipif(not shutil.which("composer"), reason="composer is not installed")
def test_what_composer_installs_is_listed(tmp_path):
    for name, version in (("one", "v1.2.3"), ("two", "2.0.0-RC1")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "composer.json").write_text(json.dumps({"name": f"acme/{name}", "version": version}))
    application = tmp_path / "app"
    application.mkdir()
    repositories = [
        {"packagist.org": False},
        {"type": "path", "url": str(tmp_path / "*"), "options": {"symlink": False}},
    ]
    (application / "composer.json").write_text(
        json.dumps(
            {
                "name": "acme/app",
                "version": "3.0.0",
                "require": {"acme/one": "*"},
                "require-dev": {"acme/two": "*@RC"},
                "repositories": repositories,
            }
        )
    )
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "COMPOSER_ALLOW_SUPERUSER": "1"}
    environment |= {"COMPOSER_DISABLE_NETWORK": "1"}
    subprocess.run(
        ["composer", "install", "--no-interaction", "--no-plugins", "--quiet"],
        cwd=application,
        env=environment,
        check=True,
        timeout=120,
    )
    folder = application / "vendor/composer"

    listed = CATALOGER.parse(LIST, (folder / "installed.json").read_bytes())
    root = CATALOGER.parse(ROOT, (folder / "installed.php").read_bytes())

    assert [(item.name, item.version, item.note) for item in listed.packages + root.packages] == [
        ("acme/one", "1.2.3", "path dependency"),
        ("acme/two", "2.0.0-RC1", "path dependency, development dependency"),
        ("acme/app", "3.0.0", "application root"),
    ]


@pytest.mark.parametrize("path", [LIST, ROOT])
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_mutated_files_give_evidence_or_a_catalog_error(path, data):
    whole = INSTALLED_PHP if path == ROOT else json.dumps({"packages": [LOG]}).encode()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))

    with contextlib.suppress(CatalogError):
        mutated = whole[:start] + data.draw(st.binary(max_size=8)) + whole[end:]
        assert isinstance(CATALOGER.parse(path, mutated), Evidence)
