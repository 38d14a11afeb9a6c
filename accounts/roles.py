"""The three roles a member of an organization may have."""

from enum import StrEnum


class Role(StrEnum):
    """What a member may do; each includes the ones below it."""

    ADMINISTRATOR = "administrator"
    SCAN_MANAGER = "scan_manager"
    VIEWER = "viewer"

    @property
    def rank(self) -> int:
        return {"viewer": 1, "scan_manager": 2, "administrator": 3}[self.value]

    def includes(self, other: "Role") -> bool:
        return self.rank >= other.rank
