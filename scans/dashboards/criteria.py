"""What a list is narrowed to, as plain values: forms fill them in, dashboards read them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RegistryCriteria:
    """`status` is a RegistryState, or `scanning`."""

    q: str = ""
    kind: str = ""
    access: str = ""
    status: str = ""


@dataclass(frozen=True, slots=True)
class OutcomeCriteria:
    """`outcome` is an Outcome, or `not_scanned` for all of the tags that should have been read and were not."""

    q: str = ""
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class ImageCriteria:
    """`os` is a family, or `family version`; `severity` asks for at least one finding of that band.

    `window` False adds the images that no tag in a window points at any more.
    """

    q: str = ""
    registry: int | None = None
    access: str = ""
    os: str = ""
    severity: str = ""
    state: str = ""
    window: bool = True


@dataclass(frozen=True, slots=True)
class FindingCriteria:
    """`severities` are bands. `package` is a name, `type` a purl type, `vulnerability` an identifier."""

    q: str = ""
    severities: tuple[str, ...] = ()
    fixable: bool = False
    type: str = ""
    registry: int | None = None
    access: str = ""
    image: int | None = None
    package: str = ""
    vulnerability: str = ""


@dataclass(frozen=True, slots=True)
class VulnerabilityCriteria:
    q: str = ""
    severity: str = ""
    fixable: bool = False
