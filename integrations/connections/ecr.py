"""Amazon ECR: its fields and its provider."""

import re

from django.core.exceptions import ValidationError

from integrations.models import RegistryKind
from integrations.outside import aws_is_elsewhere
from integrations.providers.aws_access import AwsKey, AwsRole
from integrations.providers.aws_regions import nearest_region, partition_of, regions, registry_host
from integrations.providers.ecr import EcrProvider
from integrations.validation import SHOWN_MAX

from .base import Config, Errors, Field, Generated, Guide, Kind, Outside, Secrets
from .ecr_guide import ecr_guide

_ACCOUNT = re.compile(r"[0-9]{12}")
_ROLE = re.compile(
    r"arn:(?P<partition>aws|aws-cn|aws-us-gov):iam::(?P<account>\d{12}):role/[\w+=,.@/-]{1,576}", re.ASCII
)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_KEY = re.compile(r"AKIA[A-Z0-9]{12,124}")
_FOREIGN_KEY = re.compile(r"\w{1,128}", re.ASCII)


def account_clean(text: str) -> str:
    """The account's twelve digits, without the spaces and hyphens that the console shows them with."""
    account = re.sub(r"[\s-]", "", text)
    if not _ACCOUNT.fullmatch(account):
        count = f"; this has {len(account)}" if account.isdecimal() else ""
        raise ValidationError(
            f"An AWS account id has exactly 12 digits{count}. The console shows it in its upper right corner."
        )
    return account


def region_clean(text: str) -> str:
    region = text.strip().lower()
    if region in regions():
        return region
    near = nearest_region(region)
    meant = f" Did you mean {near}?" if near else " Write it as eu-central-1 or us-east-1."
    raise ValidationError(f"{text[:SHOWN_MAX]} is no AWS region with ECR.{meant}")


def role_clean(text: str) -> str:
    if not _ROLE.fullmatch(text):
        raise ValidationError(
            "This is no role ARN. Write it as arn:aws:iam::123456789012:role/portwarden (aws-cn in China, aws-us-gov "
            "in GovCloud)."
        )
    return text


def external_id_clean(text: str) -> str:
    if not _EXTERNAL_ID.fullmatch(text):
        raise ValidationError("An external id has 2 to 1224 letters, digits and the characters + = , . @ : / - _.")
    return text


def key_clean(text: str) -> str:
    if text.startswith("ASIA"):
        raise ValidationError(
            "This is the key of a temporary session (ASIA…), which ends within hours. Enter an access key of a user "
            "(AKIA…)."
        )
    if not (_FOREIGN_KEY if aws_is_elsewhere() else _KEY).fullmatch(text):
        raise ValidationError(
            "An access key id begins with AKIA and has capital letters and digits only, usually 20 characters. The "
            "secret belongs in its own field."
        )
    return text


FIELDS = (
    Field(
        "account_id",
        "AWS account id",
        "The account that holds the repositories: 12 digits.",
        required=True,
        placeholder="123456789012",
        clean=account_clean,
    ),
    Field(
        "region",
        "Region",
        "Connect each region as a registry of its own.",
        required=True,
        placeholder="eu-central-1",
        clean=region_clean,
    ),
    Field(
        "role_arn",
        "Role ARN",
        "The role that Portwarden assumes to read. Leave it empty where the access key itself may read.",
        placeholder="arn:aws:iam::123456789012:role/portwarden",
        clean=role_clean,
    ),
    Field(
        "external_id",
        "External id",
        "Made by Portwarden for this integration. It belongs in the role's trust policy.",
        clean=external_id_clean,
        is_generated=True,
    ),
    Field(
        "access_key_id",
        "Access key id",
        "Of a user that may read, or that may assume the role.",
        placeholder="AKIA…",
        clean=key_clean,
    ),
    Field("secret_access_key", "Secret access key", "Stored encrypted. It cannot be read back.", secret=True),
)


def _host(config: Config) -> str:
    return registry_host(str(config.get("account_id", "")), str(config.get("region", "")))


def _origin(config: Config) -> str:
    """A secret belongs to its key, in its partition: AWS itself never sees it, only signatures made with it."""
    return f"{partition_of(str(config.get('region', '')))}:{config.get('access_key_id', '')}"


def _clean(config: Config, secret_typed: bool, outside: Outside) -> Errors:
    errors: Errors = {}
    role, key = str(config.get("role_arn", "")), str(config.get("access_key_id", ""))
    match, partition = _ROLE.fullmatch(role), partition_of(str(config.get("region", "")))
    if match and match["partition"] != partition:
        errors["role_arn"] = (
            f"The role is of the partition {match['partition']}, the region of {partition}. Neither reaches into the "
            "other."
        )
    if secret_typed and not key:
        errors["access_key_id"] = "Enter the id of the access key that this secret belongs to."
    elif not role and not key:
        errors["access_key_id"] = "Enter an access key, or a role with the key of a user that may assume it."
    elif role and not key and not outside.aws_ambient:
        errors["access_key_id"] = (
            "A role needs the access key of a user that may assume it. The portal's own AWS identity may do so only "
            "where its operator sets AWS_AMBIENT_CREDENTIALS=allow."
        )
    return errors


def _provider(config: Config, secrets: Secrets, outside: Outside) -> EcrProvider:
    role, key = str(config.get("role_arn", "")), str(config.get("access_key_id", ""))
    return EcrProvider(
        str(config.get("account_id", "")),
        str(config.get("region", "")),
        key=AwsKey(key, secrets.get("secret_access_key", "")) if key else None,
        role=AwsRole(role, str(config.get("external_id", ""))) if role else None,
        ambient_allowed=outside.aws_ambient,
        egress=outside.egress,
        ca_file=outside.ca_file,
        documents=outside.documents,
    )


def _guide(generated: Generated) -> Guide:
    return ecr_guide(generated.get("external_id", ""))


KIND = Kind(
    RegistryKind.ECR,
    "Amazon ECR",
    "kind-ecr",
    "Private repositories of an AWS account.",
    FIELDS,
    _provider,
    host=_host,
    origin=_origin,
    wants_secret=lambda config: bool(config.get("access_key_id")),
    missing="Enter the secret that belongs to this access key.",
    clean=_clean,
    guide=_guide,
)
