"""Presets of the OCI kind: what each product calls its address and its account, and the least it must be allowed.

Words only. A preset changes placeholders, help and the first value of the address; it never changes how a registry is
spoken to, and what was typed always wins.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from integrations.connections.base import Field, Kind
from integrations.models import RegistryKind

PARAMETER = "preset"


@dataclass(frozen=True, slots=True)
class Words:
    """What one field says instead of the general words. Empty: as it is."""

    help: str = ""
    placeholder: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True)
class Preset:
    """One product. `url` is its address where there is only one; `steps` are what to prepare; `permission` is the least
    permission and `code` a command that tries it, which asks for the password. `reach` are the hosts of its service,
    with what they are for; `service_only` products are never run by oneself."""

    name: str
    label: str
    steps: tuple[str, ...]
    permission: str
    code: str
    code_label: str
    url: str = ""
    reach: tuple[tuple[str, str], ...] = ()
    service_only: bool = False
    words: Mapping[str, Words] = field(default_factory=dict)


HARBOR = Preset(
    "harbor",
    "Harbor",
    steps=(
        "Make a robot account: Administration → Robot Accounts for all projects, or Robot Accounts of one project.",
        "Give it Repository: Pull and List on those projects. For a system robot add Catalog: Read among the system "
        "permissions, so that Portwarden finds the repositories by itself.",
        "Copy its whole name, with robot$ in front, and its secret: Harbor shows the secret once.",
    ),
    permission="Repository: Pull, List · System robot also: Catalog: Read",
    code="curl -u 'robot$portwarden' https://harbor.example.com/v2/_catalog",
    code_label="Try it: this prints the repositories",
    words={
        "url": Words("Where you open Harbor in the browser, without a project.", "https://harbor.example.com"),
        "username": Words(
            "The robot's whole name: robot$name of the system, robot$project+name of a project.", "robot$portwarden"
        ),
        "password": Words("The robot's secret. Stored encrypted; it cannot be read back."),
        "repositories": Words(
            "Empty where the robot may list the catalog. For a project's robot, name them as project/repository.",
            "project/app\nproject/worker",
        ),
    },
)
GHCR = Preset(
    "ghcr",
    "GitHub (GHCR)",
    steps=(
        "Use a machine user that may read the packages: as a member of the organization, or by Manage access of each.",
        "Make a personal access token (classic) of it with read:packages and no other scope. Fine-grained tokens are "
        "not taken by GHCR.",
        "Where the organization uses single sign-on, authorize the token for it: Configure SSO beside the token.",
        "Write down the images as owner/image: GHCR does not list its repositories.",
    ),
    permission="read:packages",
    code="curl -u 'USER' 'https://ghcr.io/token?service=ghcr.io&scope=repository:OWNER/IMAGE:pull'",
    code_label="Try it: this prints a token where the image may be read",
    url="https://ghcr.io",
    reach=(("ghcr.io", "the registry and its tokens"), ("pkg-containers.githubusercontent.com", "layers")),
    service_only=True,
    words={
        "username": Words("The GitHub user that the token belongs to.", "machine-user"),
        "password": Words(
            "A personal access token (classic) with read:packages. Stored encrypted; it cannot be read back."
        ),
        "repositories": Words(
            "GHCR does not list them: one on each line, as owner/image, in lower case.",
            "owner/app\nowner/worker",
            required=True,
        ),
    },
)
GITLAB = Preset(
    "gitlab",
    "GitLab",
    steps=(
        "Make a deploy token of the project, or of the group for all of its projects: Settings → Repository → "
        "Deploy tokens.",
        "Give it read_registry and no other scope.",
        "Copy its user name and the token: GitLab shows the token once.",
        "Write down the repositories as group/project or group/project/image: GitLab.com does not list them.",
    ),
    permission="read_registry",
    code="curl -u 'USER' 'https://gitlab.com/jwt/auth?service=container_registry&scope=repository:GROUP/PROJECT:pull'",
    code_label="Try it: this prints a token where the project may be read",
    url="https://registry.gitlab.com",
    reach=(
        ("registry.gitlab.com", "the registry"),
        ("gitlab.com", "its tokens"),
        ("storage.googleapis.com, cdn.registry.gitlab-static.net", "layers"),
    ),
    words={
        "url": Words(
            "The container registry's own address; self-managed: as shown under Deploy → Container registry.",
            "https://registry.gitlab.com",
        ),
        "username": Words("The deploy token's user name.", "gitlab+deploy-token-1"),
        "password": Words("A deploy token with read_registry. Stored encrypted; it cannot be read back."),
        "repositories": Words(
            "GitLab.com does not list them: one on each line, with all groups above, in lower case.",
            "group/project\ngroup/project/worker",
        ),
    },
)
QUAY = Preset(
    "quay",
    "Quay",
    steps=(
        "Make a robot account of the organization: Robot Accounts → Create Robot Account.",
        "Give it Read on each repository to scan, or a default permission of Read for the repositories to come.",
        "Copy its whole name, namespace+robot, and its token.",
        "Write down the repositories as namespace/repository: Quay.io does not list them.",
    ),
    permission="Read on each repository",
    code="curl -u 'NAMESPACE+ROBOT' 'https://quay.io/v2/auth?service=quay.io&scope=repository:NAMESPACE/REPOSITORY:pull'",
    code_label="Try it: this prints a token",
    url="https://quay.io",
    reach=(("quay.io", "the registry and its tokens"), ("*.quay.io", "layers, from cdn01.quay.io and its like")),
    words={
        "url": Words("https://quay.io, or the address of your own Quay.", "https://quay.io"),
        "username": Words("The robot's whole name.", "namespace+portwarden"),
        "password": Words("The robot's token. Stored encrypted; it cannot be read back."),
        "repositories": Words(
            "Quay.io does not list them: one on each line, as namespace/repository.",
            "namespace/app\nnamespace/worker",
        ),
    },
)
NEXUS = Preset(
    "nexus",
    "Nexus",
    steps=(
        "See how clients reach the Docker repository: by a connector with a port or host of its own, or by a path. By "
        "path, enter the repositories with the Docker repository's name in front.",
        "Make a role with nx-repository-view-docker-NAME-browse and nx-repository-view-docker-NAME-read, NAME being "
        "the Docker repository, and a user with this role only.",
        "Have the Docker Bearer Token Realm active: Security → Realms.",
    ),
    permission="nx-repository-view-docker-NAME-browse, nx-repository-view-docker-NAME-read",
    code="curl -u 'portwarden' https://nexus.example.com:8443/v2/_catalog",
    code_label="Try it: this prints the repositories",
    words={
        "url": Words(
            "Host and port of the Docker connector, not of Nexus's pages.",
            "https://nexus.example.com:8443",
        ),
        "username": Words("A user that may only browse and read the Docker repository.", "portwarden"),
        "password": Words("Its password, or the pass code of a user token. Stored encrypted; it cannot be read back."),
        "repositories": Words(
            "Empty: all that the user may browse. Otherwise one on each line, as they stand after the host.",
            "team/app\nteam/worker",
        ),
    },
)
PRESETS: Mapping[RegistryKind, tuple[Preset, ...]] = {RegistryKind.OCI: (HARBOR, GHCR, GITLAB, QUAY, NEXUS)}


def presets_of(kind: Kind) -> tuple[Preset, ...]:
    return PRESETS.get(kind.kind, ())


def preset_named(kind: Kind, name: str) -> Preset | None:
    """The preset that an address names; None for none and for one that there is not."""
    return next((preset for preset in presets_of(kind) if preset.name == name), None)


def preset_apply(kind: Kind, preset: Preset | None) -> Kind:
    """The kind with the product's words on its fields."""
    if preset is None:
        return kind
    return replace(kind, fields=tuple(_worded(field, preset.words.get(field.name)) for field in kind.fields))


def preset_initial(kind: Kind, preset: Preset | None, initial: Mapping[str, Any]) -> dict[str, Any]:
    """What the form starts with: the product's one address, unless another one than a preset's was entered before."""
    if preset is None or not preset.url:
        return dict(initial)
    fixed = {"", *(other.url for other in presets_of(kind))}
    return {**initial, "url": preset.url} if initial.get("url", "") in fixed else dict(initial)


def preset_query(preset: Preset | None) -> str:
    """What to append to the wizard's addresses, so that the choice goes along."""
    return f"?{PARAMETER}={preset.name}" if preset else ""


def _worded(field: Field, words: Words | None) -> Field:
    if words is None:
        return field
    return replace(
        field,
        help=words.help or field.help,
        placeholder=words.placeholder or field.placeholder,
        required=words.required or field.required,
    )
