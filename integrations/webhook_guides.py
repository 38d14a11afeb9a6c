"""GUIDES: how a webhook is set up at each kind of registry, as steps and texts to copy, with its URL filled in."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from integrations.models import RegistryKind
from integrations.webhooks.signatures import OWN_HEADER


@dataclass(frozen=True, slots=True)
class GuideFacts:
    """What a guide fills in. `signing` is "" where notices are not signed."""

    host: str
    config: Mapping[str, Any]
    url: str
    signing: str


@dataclass(frozen=True, slots=True)
class Snippet:
    """Text to copy."""

    label: str
    code: str


@dataclass(frozen=True, slots=True)
class Guide:
    steps: tuple[str, ...]
    snippets: tuple[Snippet, ...] = ()


def _ecr(facts: GuideFacts) -> Guide:
    region = str(facts.config.get("region") or "REGION").replace(",", " ").split()[0]
    key = facts.signing or "unused"
    connection = (
        f"aws events create-connection --region {region} --name portwarden --authorization-type API_KEY \\\n"
        f"  --auth-parameters 'ApiKeyAuthParameters={{ApiKeyName={OWN_HEADER},ApiKeyValue={key}}}'\n"
        f"aws events create-api-destination --region {region} --name portwarden --http-method POST \\\n"
        f"  --connection-arn CONNECTION_ARN --invocation-endpoint {shlex.quote(facts.url)}"
    )
    pattern = (
        '{"source":["aws.ecr"],"detail-type":["ECR Image Action"],'
        '"detail":{"action-type":["PUSH"],"result":["SUCCESS"]}}'
    )
    rule = (
        f"aws events put-rule --region {region} --name portwarden-ecr-push --event-pattern \\\n  '{pattern}'\n"
        f"aws events put-targets --region {region} --rule portwarden-ecr-push --targets \\\n"
        "  Id=portwarden,Arn=API_DESTINATION_ARN,RoleArn=ROLE_ARN"
    )
    role = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow",'
        '"Action":"events:InvokeApiDestination","Resource":"API_DESTINATION_ARN"}]}'
    )
    return Guide(
        (
            "In each region of the registry, make an EventBridge connection and an API destination. EventBridge calls "
            "HTTPS addresses only, with a certificate that is publicly trusted.",
            "Make a role that events.amazonaws.com may assume, with the permission below.",
            "Make the rule that passes pushes on to it.",
        ),
        (
            Snippet("Connection and API destination", connection),
            Snippet("Permission of the role", role),
            Snippet("Rule and target", rule),
        ),
    )


def _acr(facts: GuideFacts) -> Guide:
    name = facts.host.partition(".")[0] or "REGISTRY"
    header = f" \\\n  --headers '{OWN_HEADER}={facts.signing}'" if facts.signing else ""
    create = (
        f"az acr webhook create --registry {shlex.quote(name)} --name portwarden --actions push \\\n"
        f"  --uri {shlex.quote(facts.url)}{header}"
    )
    return Guide(
        ("Make the webhook with the Azure CLI, then ping it: it answers 200.",),
        (
            Snippet("Make the webhook", create),
            Snippet("Ping it", f"az acr webhook ping --registry {shlex.quote(name)} --name portwarden"),
        ),
    )


def _docker_hub(facts: GuideFacts) -> Guide:
    return Guide(
        (
            "On Docker Hub open a repository, then Webhooks.",
            "Enter a name and the URL below, and Create. Each repository needs its own; all may have the same URL.",
            "Docker Hub signs nothing: the secret in the URL is the only proof. Keep it to yourself.",
        ),
        (Snippet("Webhook URL", facts.url),),
    )


def _jfrog(facts: GuideFacts) -> Guide:
    secret = (Snippet("Secret token", facts.signing),) if facts.signing else ()
    sign = (
        ("Enter the secret token and tick “Use secret for payload signing”: without it the notice is refused.",)
        if facts.signing
        else ()
    )
    return Guide(
        (
            "In the JFrog Platform open Administration → Webhooks → New Webhook, of the type Predefined.",
            "Enter the URL and choose the event Docker → “Docker tag was pushed”, for the local repositories that "
            "were chosen for this registry.",
            *sign,
        ),
        (Snippet("URL", facts.url), *secret),
    )


def _oci(facts: GuideFacts) -> Guide:
    header = f"\n      headers:\n        Authorization: [Bearer {facts.signing}]" if facts.signing else ""
    config = (
        "notifications:\n  endpoints:\n    - name: portwarden\n"
        f"      url: {facts.url}{header}\n      timeout: 5s\n      threshold: 5\n      backoff: 10s"
    )
    secret = (Snippet("Harbor: auth header", facts.signing),) if facts.signing else ()
    entered = " and the auth header" if facts.signing else ""
    return Guide(
        (
            "Harbor: open the project → Webhooks → New webhook; notify type http, event “Artifact pushed”, the "
            f"endpoint URL{entered} below. Either payload format will do.",
            "distribution and GitLab: add the endpoint to the registry's configuration and restart it.",
            "Quay: repository → Settings → Create notification, event “Push to repository”, method Webhook POST. Quay "
            "sends no header of one's own: make the webhook without a signature.",
        ),
        (Snippet("Endpoint URL", facts.url), *secret, Snippet("distribution: config.yml", config)),
    )


GUIDES: Mapping[RegistryKind, Callable[[GuideFacts], Guide]] = {
    RegistryKind.ECR: _ecr,
    RegistryKind.ACR: _acr,
    RegistryKind.DOCKER_HUB: _docker_hub,
    RegistryKind.JFROG: _jfrog,
    RegistryKind.OCI: _oci,
}
