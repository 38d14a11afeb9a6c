"""Python's order (PEP 440), by the `packaging` library. Legacy versions have no order: they are Unmatchable."""

from packaging.version import InvalidVersion, Version

from scans.engine.versions.errors import Unmatchable


def key(text: str) -> Version:
    """Raises Unmatchable."""
    try:
        return Version(text)
    except (InvalidVersion, ValueError) as error:
        raise Unmatchable(f"“{text}” is no Python version (PEP 440)") from error
