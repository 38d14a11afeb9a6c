"""Where the conformance data is; these tests are skipped, with the reason, where it is not."""

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def conformance_data() -> Path:
    """The folder named by PORTWARDEN_CONFORMANCE_DATA, else ../shared/data beside the project."""
    folder = Path(os.environ.get("PORTWARDEN_CONFORMANCE_DATA") or PROJECT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no conformance data in {folder}; name its folder in PORTWARDEN_CONFORMANCE_DATA")
    return folder
