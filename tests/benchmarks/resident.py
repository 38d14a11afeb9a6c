"""How much memory this process holds, as Linux counts it: resident now, and the peak since it was last forgotten."""

from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_FORGET_PEAK = "5"


def resident_mb() -> float:
    return _field("VmRSS:")


def peak_mb() -> float:
    """Since the process began or `peak_forget` was called."""
    return _field("VmHWM:")


def peak_forget() -> None:
    _CLEAR.write_text(_FORGET_PEAK)


def _field(name: str) -> float:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024
