"""The texts of ECR's prerequisites page: policies and commands to copy, for exactly the permissions that are needed."""

import json

from integrations.providers.ecr_check import ACTIONS

from .base import Guide

ACCOUNT = "123456789012"
PORTWARDEN_ACCOUNT = "111122223333"


HOSTS = """api.ecr.REGION.amazonaws.com
sts.REGION.amazonaws.com
ACCOUNT.dkr.ecr.REGION.amazonaws.com
prod-REGION-starport-layer-bucket.s3.REGION.amazonaws.com"""


def permissions_policy() -> str:
    """Reading ECR and nothing else. GetAuthorizationToken knows no resource."""
    statements = [
        {"Effect": "Allow", "Action": ACTIONS[0], "Resource": "*"},
        {"Effect": "Allow", "Action": list(ACTIONS[1:]), "Resource": f"arn:aws:ecr:*:{ACCOUNT}:repository/*"},
    ]
    return _json({"Version": "2012-10-17", "Statement": statements})


def trust_policy(external_id: str) -> str:
    """Who may assume the role: Portwarden's user, and only when it says the external id of this integration."""
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{PORTWARDEN_ACCOUNT}:user/portwarden"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
    }
    return _json({"Version": "2012-10-17", "Statement": [statement]})


def assume_policy() -> str:
    """The one thing that the user may do whose access key assumes the role."""
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Resource": f"arn:aws:iam::{ACCOUNT}:role/portwarden",
    }
    return _json({"Version": "2012-10-17", "Statement": [statement]})


def ecr_guide(external_id: str) -> Guide:
    put = "--policy-name portwarden --policy-document file://"
    return {
        "external_id": external_id,
        "hosts": HOSTS,
        "permissions_policy": permissions_policy(),
        "trust_policy": trust_policy(external_id),
        "assume_policy": assume_policy(),
        "role_commands": "\n".join(
            (
                "aws iam create-role --role-name portwarden --assume-role-policy-document file://trust.json",
                f"aws iam put-role-policy --role-name portwarden {put}read.json",
            )
        ),
        "assumer_commands": _user_commands(f"{put}assume.json"),
        "user_commands": _user_commands(f"{put}read.json"),
    }


def _user_commands(policy: str) -> str:
    """Makes a user with this policy alone, and prints its access key."""
    return "\n".join(
        (
            "aws iam create-user --user-name portwarden",
            f"aws iam put-user-policy --user-name portwarden {policy}",
            "aws iam create-access-key --user-name portwarden",
        )
    )


def _json(document: object) -> str:
    return json.dumps(document, indent=2)
