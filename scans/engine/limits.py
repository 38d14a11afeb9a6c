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
    """Limits for one layer, but for the two on images. What is said to concern one file leaves that file unread and the
    layer goes on; every other ends the layer's reading with `LimitExceeded`."""

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
    """One file: upper bound over every text cataloger's own."""
    wanted_total_bytes: int = 1 * GIB
    database_bytes: int = 512 * MIB
    """One file: a database read by random access (rpm)."""
    archive_bytes: int = 512 * MIB
    """One file: a jar, war or ear as stored in the layer."""
    executable_bytes: int = 1 * GIB
    """One file: an executable; of it only headers and a few sections are looked at."""
    nested_depth: int = 16
    """One file: archives in archives."""
    nested_bytes: int = 2 * GIB
    """One file: all that is inflated of it, inner archives included."""
    nested_entries: int = 200_000
    """One file: entries of all its archives together."""
    spooled_bytes: int = 16 * GIB
    """All files of a layer that are read by random access, together."""
    seconds: int = 3600
    kept_entries: int = 500_000
    """Symbolic links, whiteouts and package databases together: what is kept of a layer beside its packed names."""
    packages: int = 200_000
    image_packages: int = 500_000
    """Packages of an image; what is beyond is left out and said to be."""
    image_expanded_bytes: int = 128 * GIB
    """Expanded bytes of an image's layers together; the layers above that count as unread."""

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
