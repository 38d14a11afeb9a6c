"""AWS regions, partitions and the hosts of ECR's registries. Pure look-ups in botocore's own data."""

import difflib
import re
from functools import lru_cache

import botocore.session

PARTITIONS = ("aws", "aws-cn", "aws-us-gov")
_SUFFIXES = {"aws": "amazonaws.com", "aws-cn": "amazonaws.com.cn", "aws-us-gov": "amazonaws.com"}
# Reference 2.1; what goes here is a token that reads every repository of the account.
_HOST = re.compile(
    r"(?P<account>\d{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\."
    r"(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|on\.aws|on\.amazonwebservices\.com\.cn"
    r"|c2s\.ic\.gov|sc2s\.sgov\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)"
)


@lru_cache(maxsize=1)
def regions() -> dict[str, str]:
    """Every region that has ECR, with its partition."""
    session = botocore.session.Session()
    return {region: partition for partition in PARTITIONS for region in session.get_available_regions("ecr", partition)}


def partition_of(region: str) -> str:
    """The partition of a region; aws for one that is not known."""
    return regions().get(region, "aws")


def nearest_region(text: str) -> str:
    """The region that was probably meant, or an empty text."""
    return next(iter(difflib.get_close_matches(text, regions(), n=1, cutoff=0.6)), "")


def registry_host(account_id: str, region: str) -> str:
    """Where the account's registry answers, before it has said so itself."""
    return f"{account_id}.dkr.ecr.{region}.{_SUFFIXES[partition_of(region)]}"


def host_parts(host: str) -> tuple[str, str] | None:
    """Account and region of an ECR registry's host; None for any other host."""
    match = _HOST.fullmatch(host.lower())
    return (match["account"], match["region"]) if match else None
