"""What a kind of registry is to the wizard, the commands and the services: its words, its fields, its provider.

Values only. A kind's own rules are functions in its row; they look nothing up and never see a stored secret.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from integrations.models import RegistryKind
from integrations.oci.documents import DocumentCache
from integrations.oci.egress import EgressPolicy
from integrations.providers.base import Provider

Config = Mapping[str, Any]
Secrets = Mapping[str, str]
Generated = Mapping[str, str]
"""Generated field → the value to show."""
Guide = Mapping[str, str]
"""What a prerequisites page is given: texts to copy, by the names that its template uses."""
Errors = dict[str, str]
"""Field name → what is wrong with it and how to write it."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What every provider is given besides its registry's own fields: the operator's settings.

    `documents` keeps manifests between requests. `pull_reserve` is the share (0 to 1) of a registry's pull limit that
    scans leave to others. The addresses are empty for the vendor's own.
    """

    egress: EgressPolicy
    ca_file: str | None = None
    documents: DocumentCache | None = None
    aws_ambient: bool = False
    azure_ambient: bool = False
    azure_authority_host: str = ""
    docker_hub_api_url: str = ""
    docker_hub_registry_url: str = ""
    pull_reserve: float = 0.2
    platform: str = "linux/amd64"
    probes_max: int | None = None
    """How many tags of a repository are asked one by one where a registry keeps no dates; None: the provider's own."""


ProviderBuilder = Callable[[Config, Secrets, Outside], Provider]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a connection form. `secret` ones are stored encrypted and never shown again.

    `clean` returns the clean text or raises ValidationError; of a `many` field it cleans each word. `choices` makes a
    menu. `is_generated` fields (an external id) are made by the portal, shown and never typed in the wizard; only the
    command may give them.
    """

    name: str
    label: str
    help: str = ""
    required: bool = False
    secret: bool = False
    many: bool = False
    placeholder: str = ""
    clean: Callable[[str], str] | None = None
    choices: tuple[tuple[str, str], ...] = ()
    is_generated: bool = False
    is_expected: bool = False
    """Not required, since what is stored may stand for it, but not optional either: pages do not call it that."""


def nothing_wrong(config: Config, secret_typed: bool, outside: Outside) -> Errors:
    return {}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of registry. Without a `provider` its tile is announced and cannot be clicked yet.

    `host(config)`: host[:port] that references to its images begin with.
    `origin(config)`: what its credentials belong to; stored ones are never used where this differs.
    `wants_secret(config)`: whether these fields sign in with a secret at all.
    `clean(config, secret_typed, outside)`: rules across fields.
    """

    kind: RegistryKind
    label: str
    icon: str
    """Name in the sprite."""
    summary: str
    fields: tuple[Field, ...]
    provider: ProviderBuilder | None
    host: Callable[[Config], str]
    origin: Callable[[Config], str]
    wants_secret: Callable[[Config], bool] = lambda config: True
    missing: str = "Enter the secret that belongs to these fields."
    """What to do where a secret is wanted and none is there."""
    clean: Callable[[Config, bool, Outside], Errors] = nothing_wrong
    guide: Callable[[Generated], Guide] = lambda generated: {}
    """The texts of its prerequisites page that are made of the generated fields' values."""

    @property
    def available(self) -> bool:
        return self.provider is not None

    @property
    def secret_names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields if field.secret)

    @property
    def secret_label(self) -> str:
        """What its secret is called on pages."""
        return next((field.label for field in self.fields if field.secret), "")

    @property
    def prerequisites_template(self) -> str:
        """The text of the wizard's first step."""
        return f"integrations/prerequisites/{self.kind.value}.html"
