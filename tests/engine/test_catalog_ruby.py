"""Installed Ruby gems (reference B7, D89, D90, E40)."""

import contextlib
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.engine.catalogers.ruby import RubyCataloger
from scans.engine.errors import CatalogError
from scans.engine.formats.gemspec import gem_of_file_name
from scans.engine.model import Evidence, Package

CATALOGER = RubyCataloger()
FOLDER = "usr/lib/ruby/gems/3.1.0/specifications/"
PATH = FOLDER + "rake-13.0.6.gemspec"
GENERATED = b"""# -*- encoding: utf-8 -*-
# stub: rake 13.0.6 ruby lib

Gem::Specification.new do |s|
  s.name = "rake".freeze
  s.version = "13.0.6"

  s.required_rubygems_version = Gem::Requirement.new(">= 1.3.2".freeze) if s.respond_to? :required_rubygems_version=
  s.description = "Rake is\\n  s.version = \\"9.9\\"".freeze
  s.licenses = ["MIT".freeze, "BSD-2-Clause".freeze]
  s.rubygems_version = "3.3.15".freeze

  if s.respond_to? :specification_version then
    s.specification_version = 4
  end
end
"""


def _written(body: str) -> bytes:
    return f"Gem::Specification.new do |spec|\n{body}\nend\n".encode()


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (PATH, True),
        (FOLDER + "default/bundler-2.2.32.gemspec", True),
        ("specifications/rake-13.0.6.gemspec", True),
        ("usr/share/rubygems-integration/all/specifications/rack-2.2.22.gemspec", True),
        ("usr/local/bundle/specifications/rack-2.2.22.gemspec", True),
        ("usr/local/rvm/gems/ruby-3.1.2/specifications/rack-2.2.22.gemspec", True),
        ("usr/local/rvm/gems/ruby-3.1.2@global/specifications/default/rack-2.2.22.gemspec", True),
        ("opt/logstash/vendor/bundle/jruby/3.1.0/specifications/jar-1.0-java.gemspec", True),
        ("opt/gems/my-app/vendor/specifications/rack-2.2.22.gemspec", True),
        ("usr/lib/ruby/gems/3.1.0/gems/rack-2.2.22/rack.gemspec", False),
        ("usr/lib/ruby/gems/3.1.0/gems/gem-tools-1.0/test/fixtures/specifications/a-1.gemspec", False),
        ("usr/local/bundle/bundler/gems/rails-0123456789ab/x/specifications/a-1.gemspec", False),
        ("srv/app/app.gemspec", False),
        ("usr/lib/ruby/gems/3.1.0/gems/awesome_print-1.8.0/Gemfile.lock", False),
        (FOLDER + "rake-13.0.6.gemspec.bak", False),
        ("srv/myspecifications/a-1.gemspec", False),
    ],
)
def test_only_specifications_of_installed_gems_are_wanted(path, wanted):
    assert CATALOGER.wants(path) is wanted


def test_a_generated_gemspec_is_read():
    evidence = CATALOGER.parse(PATH, GENERATED)

    assert evidence.packages == (Package("gem", "rake", "13.0.6", PATH, licenses=("MIT", "BSD-2-Clause")),)
    assert evidence.error == ""


def test_a_default_gem_is_noted():
    (package,) = CATALOGER.parse(FOLDER + "default/rake-13.0.6.gemspec", GENERATED).packages

    assert (package.name, package.note, package.local) == ("rake", "default gem", False)


@pytest.mark.parametrize(
    ("stub", "expected"),
    [
        ("# stub: nokogiri 1.15.4 x86_64-linux lib", ("nokogiri", "1.15.4", "x86_64-linux")),
        ("# stub: jar-dependencies 0.4.1 java lib", ("jar-dependencies", "0.4.1", "java")),
        ("# stub: puma 6.0.0.pre1 ruby lib\x00ext", ("puma", "6.0.0.pre1", "")),
        ("# stub: openssl 3.0.1 ruby lib\n# stub: ext/openssl/extconf.rb", ("openssl", "3.0.1", "")),
        ("# stub: rake 13.0.6 ruby lib\r", ("rake", "13.0.6", "")),
        ("# stub: rake 13.0.6 ruby", ("rake", "13.0.6", "")),
    ],
)
def test_the_stub_line_says_name_version_and_platform(stub, expected):
    data = f"# -*- encoding: utf-8 -*-\n{stub}\n\nGem::Specification.new do |s|\n  s.name =".encode()

    (package,) = CATALOGER.parse(PATH, data).packages

    assert (package.name, package.version, package.arch) == expected


@pytest.mark.parametrize("stub", ["# stub: rake 0 ruby lib", "# stub: rake $x ruby lib", "# stub:", "# stub: rake"])
def test_where_the_stub_line_says_nothing_the_assignments_count(stub):
    data = stub.encode() + b"\n" + _written('  spec.name = "rake"\n  spec.version = "1.2"')

    (package,) = CATALOGER.parse(PATH, data).packages

    assert (package.name, package.version) == ("rake", "1.2")


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ('"a-b".freeze', '"1.0"'),
        ("'a-b'", "'1.0'"),
        ("%q{a-b}", "%q<1.0>.freeze"),
        ("%q(a-b)", 'Gem::Version.new("1.0")'),
        ("%q[a-b]  # a comment", "Gem::Version.new '1.0'"),
        ('"a-b";', 'Gem::Version.create("1.0").freeze'),
    ],
)
def test_literals_are_read_in_all_their_forms(name, version):
    (package,) = CATALOGER.parse(
        "specifications/x.gemspec", _written(f"spec.name = {name}\nspec.version={version}")
    ).packages

    assert (package.name, package.version) == ("a-b", "1.0")


@pytest.mark.parametrize(
    "start", ["Gem::Specification.new('a', '1.0') do |s|", 'Gem::Specification.new "a", "1.0" do |s|']
)
def test_arguments_of_the_constructor_are_read(start):
    (package,) = CATALOGER.parse("specifications/x.gemspec", f"{start}\nend\n".encode()).packages

    assert (package.name, package.version) == ("a", "1.0")


def test_a_constant_of_the_same_file_is_a_version():
    data = b"module A\n  VERSION = '3.0.0'.freeze\nend\n" + _written('spec.name = "a"\nspec.version = A::VERSION')

    (package,) = CATALOGER.parse("specifications/x.gemspec", data).packages

    assert package.version == "3.0.0"


@pytest.mark.parametrize(
    "version",
    ["A::VERSION", '"1.#{minor}"', 'File.read("VERSION")', "`git describe`", '"1." + "2"', "<<~X", 'ENV["V"] || "1.0"'],
)
def test_what_only_ruby_could_work_out_is_taken_from_the_name_of_the_file(version):
    (package,) = CATALOGER.parse(PATH, _written(f'spec.name = "rake"\nspec.version = {version}')).packages

    assert (package.version, package.note) == ("13.0.6", "named by its file only")


@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"Gem::Specif\n  s.name = 'foo'\nend", b"\x1f\x8b\x08"])
def test_what_is_no_gemspec_is_named_by_its_file_and_an_error(data):
    evidence = CATALOGER.parse(PATH, data)

    assert [(item.name, item.version) for item in evidence.packages] == [("rake", "13.0.6")]
    assert "is no gemspec that can be read" in evidence.error


@pytest.mark.parametrize(
    ("file_name", "body"),
    [
        ("rake.gemspec", 'spec.name = "rake"'),
        ("rake.gemspec", 'other.name = "rake"\nother.version = "1.0"'),
        ("other-1.0.gemspec", 'spec.name = "rake"'),
        ("x.gemspec", 'spec.name = "a b"\nspec.version = "1.0"'),
        ("x.gemspec", 'spec.name = "a"\nspec.version = "one"'),
        ("1-1.0.gemspec", 'spec.name = "1"\nspec.version = "one"'),
    ],
)
def test_a_gemspec_that_names_no_gem_is_an_error(file_name, body):
    with pytest.raises(CatalogError, match="does not say which gem"):
        CATALOGER.parse(FOLDER + file_name, _written(body))


@pytest.mark.parametrize(
    ("line", "licenses"),
    [
        ('spec.license = "MIT"', ("MIT",)),
        ('spec.licenses = ["Ruby".freeze,"BSDL".freeze, "PSFL".freeze]', ("Ruby", "BSDL", "PSFL")),
        ("spec.licenses = [\n  'MIT',\n  'Apache License 2.0'\n]", ("MIT", "Apache License 2.0")),
        ('spec.licenses = "MIT"', ()),
        ("spec.license = LICENSE", ()),
        ('spec.licenses = ["' + "x" * 300 + '"]', ()),
        ("spec.licenses = [", ()),
    ],
)
def test_licenses_in_all_their_forms(line, licenses):
    (package,) = CATALOGER.parse(PATH, _written(f'spec.name = "a"\nspec.version = "1"\n{line}')).packages

    assert package.licenses == licenses


@pytest.mark.parametrize(
    ("file_name", "expected"),
    [
        ("rake-13.0.6.gemspec", ("rake", "13.0.6", "")),
        ("net-http-2-0.8.2.gemspec", ("net-http-2", "0.8.2", "")),
        ("nokogiri-1.15.4-x86_64-linux.gemspec", ("nokogiri", "1.15.4", "x86_64-linux")),
        ("nokogiri-1.15.4-x86_64-linux-musl.gemspec", ("nokogiri", "1.15.4", "x86_64-linux-musl")),
        ("google-protobuf-3.24.3-arm64-darwin.gemspec", ("google-protobuf", "3.24.3", "arm64-darwin")),
        ("ffi-1.15.5-universal-darwin-20.gemspec", ("ffi", "1.15.5", "universal-darwin-20")),
        ("jruby-openssl-0.14.0-java.gemspec", ("jruby-openssl", "0.14.0", "java")),
        ("puma-6.0.0.pre1.gemspec", ("puma", "6.0.0.pre1", "")),
        ("rake.gemspec", ("", "", "")),
        ("-1.0.gemspec", ("", "", "")),
        ("a-" * 200 + "1.gemspec", ("", "", "")),
    ],
)
def test_the_name_of_a_file_is_taken_apart(file_name, expected):
    assert gem_of_file_name(file_name) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"Gem::Specification.new" + b" " * 1_000_000,
        b"Gem::Specification.new(" * 50_000,
        _written("spec.version = X" + "\nspec.version = Y" * 50_000),
        _written('spec.version = "1"' + " " * 500_000 + "x"),
        _written(("spec.version = '1'" + " " * 1000 + ")" * 1000 + "\n") * 500),
        _written("spec.licenses = [" * 50_000),
        b"# stub: " + b"a" * 1_000_000,
        b"X = 1\n" * 10_000 + _written("spec.version = X" + "\nspec.version = X" * 50_000),
    ],
    ids=range(8),
)
def test_large_nonsense_is_read_in_linear_time(data):
    assert CATALOGER.parse(PATH, data).packages[0].version == "13.0.6"


@pytest.mark.skipif(not shutil.which("ruby"), reason="ruby is not installed")
def test_gemspecs_that_rubygems_writes_are_read():
    script = (
        'Gem::Specification.new { |s| s.name = "a-b"; s.version = "1.0.0.rc1"; s.platform = "x86_64-linux"; '
        's.summary = "s.version = %q<9>"; s.authors = ["x"]; s.licenses = ["MIT", "Apache-2.0"] }'
    )
    ran = subprocess.run(["ruby", "-e", f"print({script}.to_ruby)"], capture_output=True, check=True, timeout=60)
    path = FOLDER + "a-b-1.0.0.rc1-x86_64-linux.gemspec"

    for data in (ran.stdout, ran.stdout.replace(b"# stub", b"# none")):
        (package,) = CATALOGER.parse(path, data).packages
        assert package == Package("gem", "a-b", "1.0.0.rc1", path, arch="x86_64-linux", licenses=("MIT", "Apache-2.0"))


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_mutated_gemspecs_give_evidence_or_a_catalog_error(data):
    start = data.draw(st.integers(0, len(GENERATED)))
    end = data.draw(st.integers(start, len(GENERATED)))

    with contextlib.suppress(CatalogError):
        mutated = GENERATED[:start] + data.draw(st.binary(max_size=8)) + GENERATED[end:]
        assert isinstance(CATALOGER.parse(data.draw(st.sampled_from([PATH, FOLDER + "x.gemspec"])), mutated), Evidence)
