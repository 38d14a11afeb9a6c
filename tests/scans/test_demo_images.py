"""The demonstration's generated images, judged by the engine that has to read them."""

import gzip
import hashlib
import json
from functools import cache

import pytest

from scans.demo import images
from scans.demo.shelf import OCI_INDEX, Repository
from scans.engine.inventory import LayerSlot, inventory_assemble
from scans.engine.layers import layer_read
from scans.engine.model import Inventory


@cache
def shelf() -> dict[str, Repository]:
    return images.repositories()


def inventory(name: str, tag: str) -> Inventory:
    repository = shelf()[name]
    manifest = json.loads(repository.documents[repository.tags[tag]].body)
    slots = [
        LayerSlot(layer["digest"], layer_read(iter([repository.blobs[layer["digest"]]])))
        for layer in manifest["layers"]
    ]
    return inventory_assemble(slots)


def versions(found: Inventory, kind: str) -> dict[str, str]:
    return {item.package.name.lower(): item.package.version for item in found.packages if item.package.type == kind}


def test_the_same_program_makes_the_same_digests() -> None:
    before = {name: repository.tags for name, repository in shelf().items()}
    for maker in (images._debian_base, images._python_runtime, images._pip_install, images._app, images._alpine_base):
        maker.cache_clear()

    assert {name: repository.tags for name, repository in images.repositories().items()} == before


def test_every_descriptor_names_bytes_that_are_there() -> None:
    for repository in shelf().values():
        for digest, document in repository.documents.items():
            assert digest == f"sha256:{hashlib.sha256(document.body).hexdigest()}"
            content = json.loads(document.body)
            for descriptor in content.get("manifests", ()):
                assert len(repository.documents[descriptor["digest"]].body) == descriptor["size"]
            for descriptor in (*content.get("layers", ()), *filter(None, [content.get("config")])):
                assert len(repository.blobs[descriptor["digest"]]) == descriptor["size"]


def test_diff_ids_are_those_of_the_layers() -> None:
    repository = shelf()["shop/storefront"]
    manifest = json.loads(repository.documents[repository.tags["2.1.0"]].body)
    config = json.loads(repository.blobs[manifest["config"]["digest"]])

    tars = [gzip.decompress(repository.blobs[layer["digest"]]) for layer in manifest["layers"]]

    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(tar).hexdigest()}" for tar in tars]
    assert len([step for step in config["history"] if not step.get("empty_layer")]) == len(tars)


def test_names_dates_and_order_of_the_storefront_disagree_and_there_are_more_than_ten() -> None:
    dated = [(created, tag) for tag, _, _, created in images.STOREFRONT_TAGS]
    by_date = [tag for _, tag in sorted(dated)]

    assert len(shelf()["shop/storefront"].tags) > 10
    assert by_date != sorted(by_date)
    assert by_date.index("1.9.1") > by_date.index("2.0.0")


def test_images_share_layers_across_repositories() -> None:
    shared = shelf()["shop/storefront"].blobs.keys() & shelf()["platform/base-debian"].blobs.keys()

    assert len(shared) == 3


def test_the_debian_base_is_read_completely() -> None:
    found = inventory("platform/base-debian", "12.0")

    assert found.complete
    assert found.distribution is not None
    assert (found.distribution.family, found.distribution.version) == ("debian", "12")
    assert len(found.packages) == 88
    assert versions(found, "deb")["bsdutils"] == "1:2.38.1-5"


def test_the_alpine_base_is_read_completely() -> None:
    found = inventory("platform/base-alpine", "3.19.0")

    assert found.complete
    assert versions(found, "apk")["libcrypto3"] == "3.1.4-r2"


def test_an_upgrade_in_a_higher_layer_hides_the_lower_versions() -> None:
    found = inventory("shop/storefront", "2.1.0")

    listed = [item.package.version for item in found.packages if item.package.name.lower() == "jinja2"]

    assert found.complete
    assert listed == ["3.1.6"]


def test_a_python_package_that_dpkg_owns_is_known_to_be_owned() -> None:
    found = inventory("shop/storefront", "1.0.0")

    six = [item for item in found.packages if item.package.type == "pypi" and item.package.name == "six"]

    assert [item.owned_by for item in six] == ["python3-six"]


def test_node_packages_are_found_with_their_scopes() -> None:
    found = versions(inventory("web/node-gateway", "1.0.0"), "npm")

    assert found["lodash"] == "4.17.15"
    assert found["@babel/traverse"] == "7.12.5"


def test_the_broken_image_is_partial_and_says_where() -> None:
    found = inventory("legacy/intranet", "2019.4")

    assert not found.complete
    assert [item.path for item in found.unread] == ["var/lib/dpkg/status"]
    assert len(found.packages) > 50


def test_the_gateway_index_has_two_platforms_and_an_attestation() -> None:
    repository = shelf()["web/node-gateway"]
    index = repository.documents[repository.tags["latest"]]

    platforms = [entry["platform"]["architecture"] for entry in json.loads(index.body)["manifests"]]

    assert index.media_type == OCI_INDEX
    assert platforms == ["amd64", "arm64", "unknown"]


@pytest.mark.parametrize(("name", "tag"), [("charts/portside", "0.3.0")])
def test_a_chart_is_stored_as_no_image(name: str, tag: str) -> None:
    repository = shelf()[name]

    config = json.loads(repository.documents[repository.tags[tag]].body)["config"]

    assert config["mediaType"] == "application/vnd.cncf.helm.config.v1+json"
