"""An emulated ECR and providers that reach it, for the ECR provider's tests."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from integrations.oci.exchange import Limits
from integrations.oci.manifest import Descriptor
from integrations.oci.source import ImageSource
from integrations.providers.aws_access import AwsKey, AwsRole
from integrations.providers.base import TagList
from integrations.providers.ecr import EcrProvider
from tests.doubles import sample_images
from tests.doubles.ecr import Ecr
from tests.providers.conftest import LOOPBACK

LIMITS = Limits(read_timeout_s=5, backoff_s=0, attempts=3)
REPOSITORY = "team/app"
EcrMaker = Callable[..., Ecr]
ProviderMaker = Callable[..., EcrProvider]


def numbered(number: int, **options: Any) -> sample_images.SampleImage:
    """An image unlike any other."""
    return sample_images.image(({"n": str(number).encode()},), **options)


def many(count: int) -> list[sample_images.SampleImage]:
    return [numbered(number) for number in range(count)]


def names(listed: TagList) -> list[str]:
    return [tag.name for tag in listed.tags]


@contextmanager
def running(monkeypatch: pytest.MonkeyPatch, **options: Any) -> Iterator[Ecr]:
    """An emulator that botocore is pointed at, on a machine without any other AWS settings."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with Ecr(**options).running() as ecr:
        monkeypatch.setenv("AWS_ENDPOINT_URL_ECR", ecr.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", ecr.url)
        yield ecr


def provider(ecr: Ecr, *, by_role: bool = True, **options: Any) -> EcrProvider:
    """With the emulator's own least-permission connection, changed by `options`."""
    connection = ecr.connection(role=by_role)
    config, secrets = connection["config"], connection["secrets"]
    given = {
        "key": AwsKey(config["access_key_id"], secrets["secret_access_key"]),
        "role": AwsRole(config["role_arn"], config["external_id"]) if by_role else None,
        "egress": LOOPBACK,
        "limits": LIMITS,
        **options,
    }
    return EcrProvider(config["account_id"], given.pop("region", config["region"]), **given)


def pulled(source: ImageSource, digest: str) -> bytes:
    """The last layer of an image, read whole."""
    manifest: Any = source.manifest(digest)
    layer: Descriptor = manifest.layers[-1]
    return b"".join(source.blob(layer))
