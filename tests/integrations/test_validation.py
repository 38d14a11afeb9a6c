"""Tables of what may be typed into a registry's forms, what it becomes, and what is refused with which words."""

import pytest
from django.core.exceptions import ValidationError

from integrations.validation import (
    platform_clean,
    registry_url_clean,
    repository_clean,
    repository_pattern_clean,
    tag_pattern_clean,
)


@pytest.mark.parametrize(
    ("typed", "clean"),
    [
        ("https://registry.example.com", "https://registry.example.com"),
        ("https://Registry.Example.com/", "https://registry.example.com"),
        ("https://registry.example.com/v2/", "https://registry.example.com"),
        ("https://registry.example.com:443", "https://registry.example.com"),
        ("https://registry.example.com:5000", "https://registry.example.com:5000"),
        ("registry.example.com", "https://registry.example.com"),
        ("registry:5000", "https://registry:5000"),
        ("10.0.0.5:5000", "https://10.0.0.5:5000"),
        ("[::1]:5000", "https://[::1]:5000"),
        ("http://localhost:5000", "http://localhost:5000"),
        ("plain.example:5000", "http://plain.example:5000"),
    ],
)
def test_an_address_becomes_scheme_host_and_port(typed: str, clean: str, settings: object) -> None:
    settings.PLAIN_HTTP_HOSTS = ("plain.example:5000",)

    assert registry_url_clean(typed) == clean


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("ftp://registry.example.com", "must begin with https"),
        ("file:///etc/passwd", "must begin with https"),
        ("https://user:secret@registry.example.com", "Leave user name and password out"),
        ("https://registry.example.com/team/app", "Leave out the path"),
        ("https://registry.example.com/?x=1", "from ? or #"),
        ("https://registry.example.com#x", "from ? or #"),
        ("https://", "no host name"),
        ("https://regi stry", "no host name"),
        ("https://registry_x.example.com", "no host name"),
        ("https://registry.example.com:99999", "no address"),
        ("https://[::1", "no address"),
        ("https://müller.example", "no host name"),
    ],
)
def test_an_address_that_is_none_is_explained(typed: str, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        registry_url_clean(typed)

    assert said in caught.value.messages[0]


@pytest.mark.parametrize("name", ["app", "team/app", "a/b/c", "team/app.one_two--x"])
def test_a_repository_name_is_kept(name: str) -> None:
    assert repository_clean(name) == name


@pytest.mark.parametrize("name", ["Team/app", "team/app:1.0", "https://x/team", "../x", "team//app", "-x"])
def test_what_is_no_repository_name_is_explained(name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        repository_clean(name)

    assert "Leave out host and tag." in caught.value.messages[0]


@pytest.mark.parametrize("pattern", ["*", "team/*", "*/cache-?", "a[bc]d", "team/**/x"])
def test_a_pattern_over_repositories_is_kept(pattern: str) -> None:
    assert repository_pattern_clean(pattern) == pattern


@pytest.mark.parametrize(
    ("pattern", "said"), [("Team/*", "lower case"), ("team/{a,b}", "no pattern"), ("x" * 256, "no pattern")]
)
def test_a_pattern_that_cannot_match_a_repository_is_explained(pattern: str, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        repository_pattern_clean(pattern)

    assert said in caught.value.messages[0]


@pytest.mark.parametrize("pattern", ["v*", "*-rc*", "1.2.?", "RELEASE-*"])
def test_a_pattern_over_tags_is_kept(pattern: str) -> None:
    assert tag_pattern_clean(pattern) == pattern


@pytest.mark.parametrize(("pattern", "said"), [("team/*", "tags have no /"), ("v^", "no pattern")])
def test_a_pattern_that_cannot_match_a_tag_is_explained(pattern: str, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        tag_pattern_clean(pattern)

    assert said in caught.value.messages[0]


@pytest.mark.parametrize("platform", ["linux/amd64", "linux/arm/v7", "windows/amd64"])
def test_a_platform_is_kept(platform: str) -> None:
    assert platform_clean(platform) == platform


@pytest.mark.parametrize("platform", ["amd64", "linux", "linux/", "Linux/amd64", "linux/arm/v7/x"])
def test_what_is_no_platform_is_explained(platform: str) -> None:
    with pytest.raises(ValidationError) as caught:
        platform_clean(platform)

    assert "linux/amd64" in caught.value.messages[0]
