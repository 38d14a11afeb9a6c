"""Small text files as they stand in images, one or two for each format that is read."""

import json

Sample = tuple[str, bytes]
"""A path in an image and the bytes there."""

STATUS = b"""Package: libssl3
Status: install ok installed
Maintainer: Debian OpenSSL Team <pkg-openssl-devel@alioth-lists.debian.net>
Architecture: amd64
Source: openssl (3.0.11-1)
Version: 1:3.0.11-1~deb12u2
Description: Secure Sockets Layer toolkit
 a continuation
 .
 line

Package: gone
Status: deinstall ok config-files
Version: 1
"""
_APK = b"""C:Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=
P:musl
V:1.2.4-r2
A:x86_64
o:musl
L:MIT
F:lib
R:ld-musl-x86_64.so.1
F:usr/lib/python3/six-1.0.dist-info
R:METADATA

P:zlib
V:1.3-r0
"""
METADATA = b"Metadata-Version: 2.1\nName: Some_Package\nVersion: 1.2.post1\nLicense: MIT\nSummary: x\n\nLong text\n"
PACKAGE_JSON = b'{"name": "@scope/name", "version": "1.2.3", "license": {"type": "MIT"}, "licenses": [{"type": "BSD"}]}'
_GEMSPEC = b"""# -*- encoding: utf-8 -*-
Gem::Specification.new do |s|
  s.name = "rails".freeze
  s.version = "6.1.7"
  s.platform = Gem::Platform::RUBY
  s.licenses = ["MIT".freeze, "Ruby"]
end
"""
_INSTALLED_JSON = json.dumps(
    {
        "packages": [{"name": "a/b", "version": "v1.2.3", "version_normalized": "1.2.3.0", "license": ["MIT"]}],
        "dev": True,
    }
).encode()
_INSTALLED_PHP = b"""<?php return array('root' => array('name' => '__root__'), 'versions' => array(
  'a/b' => array('pretty_version' => '1.0', 'aliases' => array(0 => 'x')),
));
"""
_DEPS_JSON = json.dumps(
    {
        "runtimeTarget": {"name": ".NETCoreApp,Version=v8.0"},
        "targets": {"x": {"A/1.0.0": {"runtime": {"a.dll": {}}}}},
        "libraries": {"A/1.0.0": {"type": "package", "sha512": "sha512-AA=="}},
    }
).encode()
_CONDA = json.dumps(
    {
        "name": "numpy",
        "version": "1.26",
        "build": "py311_0",
        "channel": "https://conda.anaconda.org/conda-forge",
        "license": "BSD",
        "md5": "00",
        "sha256": "11",
    }
).encode()
_SPDX = json.dumps(
    {
        "spdxVersion": "SPDX-2.3",
        "packages": [
            {
                "name": "redis",
                "versionInfo": "7.0.1-1",
                "SPDXID": "SPDXRef-a",
                "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:bitnami/redis@7.0.1-1?arch=amd64"}],
            }
        ],
        "relationships": [],
    }
).encode()
_DESCRIPTION = b"Package: ggplot2\nVersion: 3.4.4\nLicense: MIT + file LICENSE\nRepository: CRAN\nBuilt: R 4.3.1\n"
_APP = b'{application, cowboy, [{description, "x"}, {vsn, "2.9.0"}, {modules, [a, b]}, {licenses, ["ISC"]}]}.\n'
_PNP = (
    b"const RAW_RUNTIME_STATE =\n"
    b'\'{"packageRegistryData": [["lodash", [["npm:4.17.15", {"packageLocation": "../a.zip/lodash/"}]]]]}\';\n'
)
OS_RELEASE = b'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID_LIKE=\'a b\'\n'

TEXTS: tuple[Sample, ...] = (
    ("var/lib/dpkg/status", STATUS),
    ("var/lib/dpkg/status.d/base", STATUS),
    ("var/lib/dpkg/info/libssl3:amd64.list", b"/.\n/usr\n/usr/bin/openssl\n/usr/lib/python3/six.egg-info\n"),
    ("var/lib/dpkg/status.d/base.md5sums", b"d41d8cd98f00b204e9800998ecf8427e  usr/bin/openssl\n"),
    ("lib/apk/db/installed", _APK),
    (
        "var/lib/rpmmanifest/container-manifest-2",
        b"zlib\t1.2.11-3.cm2\t1\t2\tMicrosoft\t(none)\t1\tx86_64\t0\tzlib.src.rpm\n",
    ),
    ("usr/lib/python3/dist-packages/some_package-1.2.dist-info/METADATA", METADATA),
    ("usr/lib/python3/dist-packages/some.egg-info", METADATA),
    ("srv/app/node_modules/@scope/name/package.json", PACKAGE_JSON),
    ("srv/app/.pnp.cjs", _PNP),
    ("usr/lib/ruby/gems/3.1.0/specifications/rails-6.1.7.gemspec", _GEMSPEC),
    ("srv/app/vendor/composer/installed.json", _INSTALLED_JSON),
    ("srv/app/vendor/composer/installed.php", _INSTALLED_PHP),
    ("srv/app/app.deps.json", _DEPS_JSON),
    ("opt/conda/conda-meta/numpy-1.26-py311_0.json", _CONDA),
    ("opt/bitnami/redis/.spdx-redis.spdx", _SPDX),
    ("opt/bitnami/redis/.spdx-redis.json", _SPDX),
    ("usr/lib/R/library/ggplot2/DESCRIPTION", _DESCRIPTION),
    ("usr/lib/erlang/lib/cowboy-2.9.0/ebin/cowboy.app", _APP),
    ("opt/java/release", b'IMPLEMENTOR="Eclipse Adoptium"\nJAVA_VERSION="17.0.9"\nJAVA_RUNTIME_VERSION="17.0.9+9"\n'),
    ("etc/os-release", OS_RELEASE),
    ("etc/debian_version", b"12.4\n"),
    ("etc/alpine-release", b"3.18.4\n"),
    ("etc/redhat-release", b"CentOS Linux release 7.9.2009 (Core)\n"),
)
