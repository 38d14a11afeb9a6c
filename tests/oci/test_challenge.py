import pytest

from integrations.oci.challenge import Challenge, challenges_parse


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (['Basic realm="x"'], [("basic", {"realm": "x"})]),
        (["BASIC REALM=x"], [("basic", {"realm": "x"})]),
        (
            ['Bearer realm="https://a/token?x=1,2",service="s",scope="repository:a/b:pull,push registry:catalog:*"'],
            [
                (
                    "bearer",
                    {
                        "realm": "https://a/token?x=1,2",
                        "service": "s",
                        "scope": "repository:a/b:pull,push registry:catalog:*",
                    },
                )
            ],
        ),
        (
            ['Basic realm="x", Bearer realm="y",service="z"'],
            [("basic", {"realm": "x"}), ("bearer", {"realm": "y", "service": "z"})],
        ),
        (['Basic realm="x"', 'Bearer realm="y"'], [("basic", {"realm": "x"}), ("bearer", {"realm": "y"})]),
        (['Negotiate, Basic realm="x"'], [("negotiate", {}), ("basic", {"realm": "x"})]),
        (['Bearer realm = "y" , error = "invalid_token"'], [("bearer", {"realm": "y", "error": "invalid_token"})]),
        (['Basic realm="a \\"quoted\\" one"'], [("basic", {"realm": 'a "quoted" one'})]),
        (["Basic"], [("basic", {})]),
        ([""], []),
        ([", ,"], []),
        (['="x"'], []),
        (['Bearer realm="unclosed'], [("bearer", {"realm": ""})]),
    ],
)
def test_challenges_are_read_in_every_form(headers: list[str], expected: list[tuple[str, dict[str, str]]]) -> None:
    found = challenges_parse(headers)
    assert found == tuple(Challenge(scheme, parameters) for scheme, parameters in expected)
