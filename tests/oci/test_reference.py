import pytest

from integrations.oci.errors import RegistryError
from integrations.oci.reference import Reference, ReferenceInvalid

SHA = "sha256:" + "a1" * 32


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nginx", Reference("docker.io", "library/nginx")),
        ("nginx:1.27", Reference("docker.io", "library/nginx", "1.27")),
        ("team/app", Reference("docker.io", "team/app")),
        ("docker.io/nginx", Reference("docker.io", "library/nginx")),
        ("docker.io/library/nginx:1.27", Reference("docker.io", "library/nginx", "1.27")),
        ("index.docker.io/team/app", Reference("docker.io", "team/app")),
        ("localhost/app", Reference("localhost", "app")),
        ("localhost:5000/app:1", Reference("localhost:5000", "app", "1")),
        ("Registry.Example.com/a/b/c:v1", Reference("registry.example.com", "a/b/c", "v1")),
        ("127.0.0.1:5555/demo/base:1.0", Reference("127.0.0.1:5555", "demo/base", "1.0")),
        ("[::1]:5000/app", Reference("[::1]:5000", "app")),
        (f"reg.example/app@{SHA}", Reference("reg.example", "app", None, SHA)),
        (f"reg.example/app:1@{SHA}", Reference("reg.example", "app", "1", SHA)),
        ("a__b/c-d.e_f:_x", Reference("docker.io", "a__b/c-d.e_f", "_x")),
    ],
)
def test_a_reference_is_split_as_docker_does(text: str, expected: Reference) -> None:
    assert Reference.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":1",
        "@" + SHA,
        "UPPER",
        "app:",
        "app:-bad",
        "app:" + "a" * 129,
        "app@sha256:abc",
        "app@sha256:" + "A1" * 32,
        "app@md5:" + "a" * 32,
        "a//b",
        "/a",
        "a/",
        "a..b",
        "../../etc/passwd",
        "host.example/../x",
        "https://reg.example/app",
        "reg.example:port/app",
        "reg.example/app?x=1",
        "a b",
        "reg.example/" + "a" * 250,
    ],
)
def test_what_is_no_reference_is_refused_with_a_message(text: str) -> None:
    with pytest.raises(ReferenceInvalid) as caught:
        Reference.parse(text)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, RegistryError)
    assert caught.value.code == "reference_invalid"
    assert caught.value.permanent


@pytest.mark.parametrize(
    ("text", "identifier"), [("app", "latest"), ("app:1", "1"), (f"app@{SHA}", SHA), (f"app:1@{SHA}", SHA)]
)
def test_the_identifier_is_the_digest_before_the_tag_before_latest(text: str, identifier: str) -> None:
    assert Reference.parse(text).identifier == identifier


def test_a_reference_reads_back_as_itself() -> None:
    text = f"reg.example:5000/team/app:1.0@{SHA}"
    assert str(Reference.parse(text)) == text
