"""Bounds on what one layer may cost, and the one way to say that a bound was hit.

Every number is a default that an operator can change; the message of `LimitExceeded` names the limit and its setting.
Nothing here reads settings: whoever calls the engine passes `Limits.from_settings(...)`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from scans.engine.errors import LimitExceeded

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
SETTING_PREFIX = "LAYER_LIMIT_"


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits for one layer; all but `wanted_file_bytes` end the layer's reading with `LimitExceeded`."""

    compressed_bytes: int = 16 * GIB
    expanded_bytes: int = 32 * GIB
    ratio: int = 1000
    """Expanded to compressed, judged only after `ratio_from_bytes`: small layers of zeros are legitimate."""
    ratio_from_bytes: int = 16 * MIB
    zstd_window_bytes: int = 128 * MIB
    entries: int = 2_000_000
    path_length: int = 4096
    """Bytes of a path or of a link's target, as in Linux' PATH_MAX."""
    path_depth: int = 256
    extended_header_bytes: int = 1 * MIB
    """Payload of one PAX header or one GNU long name."""
    wanted_file_bytes: int = 64 * MIB
    """Upper bound over every cataloger's own; a bigger file becomes an unread file, the layer goes on."""
    wanted_total_bytes: int = 1 * GIB
    kept_entries: int = 500_000
    """Symbolic links, whiteouts and package databases together: what is kept of a layer beside its packed names."""
    packages: int = 200_000

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 1:
                raise ValueError(f"Limit {setting_name(field.name)} must be at least 1.")

    @classmethod
    def from_settings(cls, values: Mapping[str, int]) -> "Limits":
        """The defaults overridden by the settings in `values` (`LAYER_LIMIT_ENTRIES` …); other keys are ignored."""
        known = {f.name: values[setting_name(f.name)] for f in fields(cls) if setting_name(f.name) in values}
        return cls(**known)


DEFAULT_LIMITS = Limits()


def setting_name(limit: str) -> str:
    """The name of the setting that changes the limit `limit` (a field of `Limits`)."""
    return SETTING_PREFIX + limit.upper()


def limit_exceeded(limits: Limits, limit: str, what: str) -> LimitExceeded:
    """The error for `what` (a clause such as "the layer has more entries") having passed the limit named `limit`."""
    allowed = getattr(limits, limit)
    return LimitExceeded(
        f"{what} than allowed: limit {limit} is {allowed}. "
        f"If the image is trusted, raise the setting {setting_name(limit)} and scan again."
    )
