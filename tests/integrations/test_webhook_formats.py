"""What each vendor's notice is read as."""

from typing import Any

import pytest

from integrations.models import RegistryKind
from integrations.webhooks.base import PUSHES_MAX, Push, Receiver
from integrations.webhooks.formats import notice_read
from tests.integrations import webhook_samples as samples

ECR, ACR, HUB, JFROG, OCI = (
    RegistryKind.ECR,
    RegistryKind.ACR,
    RegistryKind.DOCKER_HUB,
    RegistryKind.JFROG,
    RegistryKind.OCI,
)
RECEIVERS = {
    ECR: Receiver("123456789012.dkr.ecr.eu-central-1.amazonaws.com", samples.ECR_CONFIG),
    ACR: Receiver("harbour.azurecr.io", {"login_server": "harbour.azurecr.io"}),
    HUB: Receiver("docker.io", {"namespace": "harbour"}),
    JFROG: Receiver("harbour.jfrog.io", {"url": "https://harbour.jfrog.io", "repository_keys": ["docker-local"]}),
    OCI: Receiver("harbor.example", {"url": "https://harbor.example"}),
}


def read(kind: RegistryKind, document: dict[str, Any]) -> list[str]:
    return [f"{push.repository}:{push.tag}" for push in notice_read(kind, document, RECEIVERS[kind]).pushes]


@pytest.mark.parametrize(
    ("kind", "document", "pushed"),
    [
        (ECR, samples.ecr(), ["team/app:1.2"]),
        (ACR, samples.acr(), ["team/app:1.2"]),
        (HUB, samples.docker_hub(), ["harbour/app:1.2"]),
        (JFROG, samples.jfrog(), ["docker-local/team/app:1.2"]),
        (OCI, samples.harbor("1.2", "latest"), ["team/app:1.2", "team/app:latest"]),
        (OCI, samples.harbor("1.2", type_="pushImage"), ["team/app:1.2"]),
        (OCI, samples.harbor_cloud_event("1.2"), ["team/app:1.2"]),
        (OCI, samples.distribution("1.2", "1.3"), ["team/app:1.2", "team/app:1.3"]),
        (OCI, samples.quay("1.2", "latest"), ["team/app:1.2", "team/app:latest"]),
    ],
    ids=lambda value: value.value if isinstance(value, RegistryKind) else "",
)
def test_a_push_names_its_repository_and_tags(kind: RegistryKind, document: dict[str, Any], pushed: list[str]) -> None:
    assert read(kind, document) == pushed


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        (ECR, samples.ecr(**{"action-type": "DELETE"})),
        (ECR, samples.ecr(result="FAILURE")),
        (ECR, samples.ecr(**{"image-tag": ""})),
        (ECR, {**samples.ecr(), "account": "999999999999"}),
        (ECR, {**samples.ecr(), "region": "us-east-1"}),
        (ECR, {**samples.ecr(), "detail-type": "ECR Image Scan"}),
        (ACR, samples.acr("delete")),
        (ACR, samples.acr("chart_push")),
        (ACR, samples.acr(host="other.azurecr.io")),
        (HUB, samples.docker_hub("elsewhere/app")),
        (HUB, {"push_data": None, "repository": []}),
        (JFROG, samples.jfrog(event_type="deleted")),
        (JFROG, samples.jfrog(key="npm-local")),
        (JFROG, samples.jfrog(tag=f"sha256:{'0' * 64}")),
        (OCI, samples.harbor("1.2", type_="DELETE_ARTIFACT")),
        (OCI, samples.distribution("1.2", action="pull")),
        (OCI, samples.distribution("1.2", action="delete")),
        (OCI, samples.distribution("")),
        (OCI, samples.distribution("1.2", media_type="application/vnd.oci.image.layer.v1.tar+gzip")),
        (OCI, {"events": [None, 7, {"action": "push", "target": "x"}]}),
        (OCI, {}),
    ],
)
def test_what_is_no_push_to_this_registry_names_nothing_and_says_why(
    kind: RegistryKind, document: dict[str, Any]
) -> None:
    notice = notice_read(kind, document, RECEIVERS[kind])
    assert (notice.pushes, notice.is_test) == ((), False)
    assert notice.note


@pytest.mark.parametrize("kind", RegistryKind)
@pytest.mark.parametrize("value", [None, 1, "x", [], [[]], {}, {"a": []}, True])
def test_no_shape_of_a_notice_is_an_error(kind: RegistryKind, value: object) -> None:
    names = ("detail", "target", "request", "push_data", "repository", "data", "event_data", "events", "updated_tags")
    document = {**dict.fromkeys(names, value), "type": "PUSH_ARTIFACT", "domain": "docker", "event_type": "pushed"}
    for more in ({}, {"action": "push"}, {"detail-type": "ECR Image Action"}):
        assert notice_read(kind, {**document, **more}, RECEIVERS[kind]).pushes == ()


@pytest.mark.parametrize(
    "name", ["../etc/passwd", "Team/App", "team//app", "team/app?x=1", "team/app\n", "a" * 300, "team/app'--", ""]
)
def test_a_name_beyond_the_grammar_is_left_out(name: str) -> None:
    document = samples.ecr(**{"repository-name": name})
    assert read(ECR, document) == []
    assert read(ECR, samples.ecr(**{"image-tag": name or "-x"})) == []


def test_a_ping_of_acr_is_a_test() -> None:
    assert notice_read(ACR, samples.acr("ping"), RECEIVERS[ACR]).is_test


def test_a_notice_of_very_many_tags_is_cut_and_says_so() -> None:
    notice = notice_read(OCI, samples.quay(*(f"v{n}" for n in range(PUSHES_MAX + 3)), "v0"), RECEIVERS[OCI])
    assert len(notice.pushes) == PUSHES_MAX
    assert notice.pushes[0] == Push("team/app", "v0")
    assert notice.note.startswith("3 more tags")


def test_without_chosen_keys_every_key_of_artifactory_counts() -> None:
    receiver = Receiver("harbour.jfrog.io", {"url": "https://harbour.jfrog.io", "repository_keys": []})
    assert notice_read(JFROG, samples.jfrog(key="other"), receiver).pushes == (Push("other/team/app", "1.2"),)


def test_several_regions_of_ecr_are_known() -> None:
    for regions in ("us-east-1, eu-central-1", ["us-east-1", "eu-central-1"]):
        receiver = Receiver("x", {**samples.ECR_CONFIG, "region": regions})
        assert notice_read(ECR, samples.ecr(), receiver).pushes
