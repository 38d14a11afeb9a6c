import base64
import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.oci import media
from integrations.oci.errors import (
    ContentError,
    DigestMismatch,
    MediaTypeMismatch,
    NotAnImage,
    PlatformMissing,
    TooLarge,
    Unsupported,
)
from integrations.oci.manifest import (
    Index,
    Manifest,
    Platform,
    artifact_kind,
    build_steps,
    config_parse,
    manifest_parse,
    platform_select,
    step_clean,
)
from tests.doubles import sample_images
from tests.doubles.sample_images import digest, platform

D = "sha256:" + "0" * 64


def parse(
    document: Any, content_type: str = "application/octet-stream", expected: str | None = None
) -> Manifest | Index:
    return manifest_parse(json.dumps(document).encode(), content_type, expected)


def entry(**more: Any) -> dict[str, Any]:
    return {"mediaType": media.OCI_MANIFEST, "digest": D, "size": 10, **more}


def test_an_image_manifest_is_read_with_its_digest_and_raw_bytes() -> None:
    image = sample_images.image(({"a": b"1"}, {"b": b"2"}), annotations={"k": "v"})
    manifest = manifest_parse(image.raw, media.OCI_MANIFEST + "; charset=utf-8", image.digest)
    assert isinstance(manifest, Manifest)
    assert (manifest.digest, manifest.raw, manifest.size) == (image.digest, image.raw, len(image.raw))
    assert [layer.digest for layer in manifest.layers] == [d["digest"] for d in image.document["layers"]]
    assert manifest.annotations == {"k": "v"}


def test_nulls_count_as_empty() -> None:
    config = {"mediaType": media.OCI_CONFIG, "digest": D, "size": 2, "annotations": None, "urls": None, "data": None}
    manifest = parse({"config": config, "layers": None, "annotations": None, "subject": None, "artifactType": None})
    assert isinstance(manifest, Manifest)
    assert manifest.layers == ()
    document = parse({"manifests": [entry(platform=None, annotations=None)]})
    assert isinstance(document, Index)
    assert document.manifests[0].platform is None


@pytest.mark.parametrize(
    ("document", "content_type", "error"),
    [
        ({"manifests": [], "layers": []}, media.OCI_INDEX, MediaTypeMismatch),
        ({"manifests": [], "config": entry()}, media.OCI_MANIFEST, MediaTypeMismatch),
        ({"mediaType": media.OCI_INDEX, "manifests": []}, media.OCI_MANIFEST, MediaTypeMismatch),
        ({"mediaType": media.OCI_MANIFEST, "config": entry(), "layers": []}, media.DOCKER_MANIFEST, MediaTypeMismatch),
        ({"manifests": []}, media.DOCKER_MANIFEST, MediaTypeMismatch),
        ({"config": entry(), "layers": []}, media.OCI_INDEX, MediaTypeMismatch),
        ({"schemaVersion": 1, "fsLayers": []}, "application/json", Unsupported),
        ({"schemaVersion": 1}, media.DOCKER_SCHEMA1_SIGNED, Unsupported),
        ({"config": {"mediaType": "x", "digest": "sha256:short", "size": 1}, "layers": []}, "", ContentError),
        ({"config": {"mediaType": "x", "digest": D, "size": -1}, "layers": []}, "", ContentError),
        ({"config": {"mediaType": "x", "digest": D, "size": True}, "layers": []}, "", ContentError),
        ({"config": {"mediaType": "x", "digest": D, "size": "1"}, "layers": []}, "", ContentError),
        ({"config": "no", "layers": []}, "", ContentError),
        ({"manifests": ["no"]}, "", ContentError),
        ({"manifests": [entry()] * 2001}, "", TooLarge),
        ({}, "", ContentError),
        ([], "", ContentError),
        ("text", "", ContentError),
        (None, "", ContentError),
    ],
)
def test_what_contradicts_itself_is_refused(document: Any, content_type: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse(document, content_type)


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b"[" * 200_000])
def test_bytes_that_are_no_json_are_a_content_error(raw: bytes) -> None:
    with pytest.raises(ContentError):
        manifest_parse(raw, media.OCI_MANIFEST)


def test_a_manifest_over_the_limit_is_not_parsed() -> None:
    with pytest.raises(TooLarge):
        manifest_parse(b" " * (8 * 1024 * 1024 + 1), media.OCI_MANIFEST)


def test_another_digest_than_asked_for_is_refused() -> None:
    image = sample_images.image()
    with pytest.raises(DigestMismatch):
        manifest_parse(image.raw, image.media_type, D)


def test_sha512_digests_are_understood() -> None:
    raw = sample_images.image().raw
    expected = "sha512:" + hashlib.sha512(raw).hexdigest()
    assert manifest_parse(raw, media.OCI_MANIFEST, expected).digest == expected


def test_inline_data_is_decoded_and_must_match_its_digest() -> None:
    empty = {"mediaType": media.OCI_EMPTY, "digest": digest(b"{}"), "size": 2}
    good = parse({"config": {**empty, "data": base64.b64encode(b"{}").decode()}, "layers": []})
    assert isinstance(good, Manifest)
    assert good.config.data == b"{}"
    for data in (base64.b64encode(b"[]").decode(), "not base64!", base64.b64encode(b"{} ").decode()):
        with pytest.raises(ContentError):
            parse({"config": {**empty, "data": data}, "layers": []})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("linux/amd64", "linux/amd64"),
        ("x86_64", "linux/amd64"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/armhf", "linux/arm/v7"),
        ("linux/armel", "linux/arm/v6"),
        ("linux/amd64/v1", "linux/amd64"),
        ("linux/amd64/v3", "linux/amd64/v3"),
        ("macos/arm64", "darwin/arm64"),
        ("linux/i386", "linux/386"),
    ],
)
def test_platforms_are_normalised(text: str, expected: str) -> None:
    assert str(Platform.parse(text)) == expected


@pytest.mark.parametrize("text", ["", "/", "linux/", "a/b/c/d"])
def test_what_is_no_platform_is_refused(text: str) -> None:
    with pytest.raises(ContentError):
        Platform.parse(text)


def select(wanted: str, *entries: dict[str, Any]) -> str:
    """The digest's last digit of the entry that is selected."""
    numbered = [{**item, "digest": f"sha256:{number:064x}"} for number, item in enumerate(entries)]
    document = parse({"manifests": numbered}, media.OCI_INDEX)
    assert isinstance(document, Index)
    return platform_select(document, Platform.parse(wanted)).digest[-1]


ATTESTATION = entry(**platform("unknown", "unknown"), annotations={"vnd.docker.reference.type": "attestation-manifest"})


def test_the_first_match_in_document_order_wins() -> None:
    amd, arm = entry(**platform("linux", "amd64")), entry(**platform("linux", "arm64", "v8"))
    assert select("linux/amd64", arm, amd, amd) == "1"
    assert select("linux/arm64", amd, arm) == "1"


def test_an_older_arm_variant_will_do_but_never_a_newer_one() -> None:
    v5, v6 = entry(**platform("linux", "arm", "v5")), entry(**platform("linux", "arm", "v6"))
    assert select("linux/arm/v7", v5, v6) == "1"
    with pytest.raises(PlatformMissing):
        select("linux/arm/v5", v6, entry(**platform("linux", "amd64")))


def test_an_amd64_variant_falls_back_to_the_plain_entry() -> None:
    plain, v3 = entry(**platform("linux", "amd64")), entry(**platform("linux", "amd64", "v3"))
    assert select("linux/amd64/v3", plain, v3) == "1"
    assert select("linux/amd64/v2", v3, plain) == "1"
    assert select("linux/amd64", v3, plain) == "1"


def test_attestations_and_strange_entries_are_left_out_and_a_single_image_is_taken() -> None:
    strange = entry(mediaType="application/vnd.example.thing")
    assert select("linux/amd64", ATTESTATION, strange, entry(**platform("linux", "s390x"))) == "2"


def test_a_missing_platform_lists_what_there_is() -> None:
    with pytest.raises(PlatformMissing) as caught:
        select("linux/riscv64", entry(**platform("linux", "amd64")), entry(**platform("linux", "arm64")), ATTESTATION)
    assert caught.value.available == ("linux/amd64", "linux/arm64")
    assert "linux/riscv64" in caught.value.message
    assert "linux/arm64" in caught.value.message


@pytest.mark.parametrize(
    ("entries", "kind"),
    [
        ((), "an index with no image in it"),
        ((entry(mediaType=sample_images.OCI_LAYER_GZIP),), "build cache"),
        ((entry(artifactType="application/vnd.dev.sigstore.bundle.v0.3+json"),), "signature"),
    ],
)
def test_an_index_without_images_says_what_it_is(entries: tuple[dict[str, Any], ...], kind: str) -> None:
    with pytest.raises(NotAnImage) as caught:
        select("linux/amd64", *entries)
    assert caught.value.kind == kind


def kind_of(image: sample_images.SampleImage) -> str | None:
    manifest = manifest_parse(image.raw, image.media_type)
    assert isinstance(manifest, Manifest)
    return artifact_kind(manifest)


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        (sample_images.image(), None),
        (sample_images.image(config_type=media.DOCKER_CONFIG, media_type=media.DOCKER_MANIFEST), None),
        (sample_images.helm_chart(), "helm chart"),
        (sample_images.cosign_signature(), "signature"),
        (sample_images.artifact(b"{}", media.OCI_CONFIG, [(b"1", "application/vnd.in-toto+json")]), "attestation"),
        (sample_images.artifact(b"{}", media.OCI_CONFIG, [(b"1", "text/spdx+json")]), "sbom"),
        (
            sample_images.artifact(b"{}", media.OCI_EMPTY, [], artifactType="application/vnd.cyclonedx+json"),
            "sbom",
        ),
        (sample_images.artifact(b"{}", "application/vnd.buildkit.cacheconfig.v0", []), "build cache"),
        (sample_images.artifact(b"{}", "application/vnd.docker.plugin.v1+json", []), "docker plugin"),
        (
            sample_images.artifact(b"{}", "application/vnd.unknown.config.v1+json", []),
            "artifact of type application/vnd.unknown.config.v1+json",
        ),
        (sample_images.artifact(b"{}", media.OCI_CONFIG, [(b"1", "application/x-tar+unheard")]), None),
    ],
)
def test_an_artifact_is_called_what_it_is(image: sample_images.SampleImage, kind: str | None) -> None:
    assert kind_of(image) == kind


def config(**fields: Any) -> Any:
    return config_parse(json.dumps(fields).encode())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.123456789Z", datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)),
        ("2026-01-02T05:04:05.5+02:00", datetime(2026, 1, 2, 3, 4, 5, 500000, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00+02:00", None),
        ("yesterday", None),
        (None, None),
        (17, None),
    ],
)
def test_the_build_time_is_read_as_go_writes_it(text: Any, expected: datetime | None) -> None:
    assert config(created=text).created == expected


def test_a_configuration_may_lack_almost_everything() -> None:
    assert config(history=None, rootfs=None).diff_ids == ()
    with pytest.raises(ContentError):
        config(rootfs={"diff_ids": ["sha256:nope"]})
    with pytest.raises(ContentError):
        config_parse(b"[]")


def test_steps_follow_the_layers_when_the_history_aligns() -> None:
    history = [
        {"created_by": "/bin/sh -c #(nop) ADD file:abc in / "},
        {"created_by": '/bin/sh -c #(nop)  CMD ["bash"]', "empty_layer": True},
        {"created_by": "RUN /bin/sh -c apt-get update # buildkit"},
    ]
    found = config(history=history, rootfs={"diff_ids": [D, D]})
    assert build_steps(found) == ("ADD file:abc in /", "RUN apt-get update")


@pytest.mark.parametrize("history", [[], [{"created_by": "one"}], [{"created_by": str(n)} for n in range(3)]])
def test_steps_are_unknown_when_the_history_does_not_align(history: list[dict[str, str]]) -> None:
    assert build_steps(config(history=history, rootfs={"diff_ids": [D, D]})) == ("", "")


@pytest.mark.parametrize(
    ("created_by", "shown"),
    [
        ("/bin/sh -c #(nop) COPY file:1 in /app ", "COPY file:1 in /app"),
        ("/bin/sh -c pip install x", "RUN pip install x"),
        ("/bin/bash -o pipefail -c make", "RUN make"),
        ("RUN /bin/sh -c make all # buildkit", "RUN make all"),
        ("RUN |2 A=1 B=two words /bin/sh -c make # buildkit", "RUN make"),
        ("|1 V=3 /bin/sh -c make", "RUN make"),
        ("COPY . /app # buildkit", "COPY . /app"),
        ("cmd /S /C dir", "RUN dir"),
        ("powershell -Command Get-Item x", "RUN Get-Item x"),
        ("bazel build ...", "bazel build ..."),
        ("", ""),
    ],
)
def test_a_step_reads_like_its_dockerfile_line(created_by: str, shown: str) -> None:
    assert step_clean(created_by) == shown
