"""One known vulnerability as a fact, and its OSV record. The tables beside this file hold nothing but such facts.

Who is affected and since which version it is fixed was taken from public trackers; the words are our own. The set is
small on purpose: it makes a demonstration, it does not make a scan complete.
"""

from dataclasses import dataclass
from typing import Any

WRITTEN = "2025-12-01T00:00:00Z"
"""When the facts were last looked at; OSV's `modified`."""

_METRICS = ("AV", "AC", "PR", "UI", "S", "C", "I", "A")


@dataclass(frozen=True, slots=True)
class Fact:
    """A CVE in one package.

    `affected` lists ranges "from < fixed", comma-separated; "0" is every version before, a range without "< fixed" has
    no fix. `rating` is a whole CVSS vector, or the eight values of a CVSS 3.1 base vector in the order of the
    specification ("NLNNUHHH"), or "". `names` are other ids of the same record, its own id first where it has one.
    """

    cve: str
    package: str
    affected: str
    rating: str
    summary: str
    names: str = ""
    urgency: str = ""

    def record(self, ecosystem: str, prefix: str = "") -> dict[str, Any]:
        """The OSV record (schema 1.7). With a `prefix` the id is made of it and the CVE, which is then `upstream`."""
        ids = self.names.split()
        record: dict[str, Any] = {
            "schema_version": "1.7.3",
            "id": f"{prefix}{self.cve}" if prefix else [*ids, self.cve][0],
            "modified": WRITTEN,
            "summary": self.summary,
            "affected": [self._affected(ecosystem)],
            "references": [{"type": "ADVISORY", "url": f"https://nvd.nist.gov/vuln/detail/{self.cve}"}],
        }
        record["upstream" if prefix else "aliases"] = [self.cve] if prefix else [self.cve, *ids[1:]]
        if self.rating:
            record["severity"] = [_severity(self.rating)]
        return record

    def _affected(self, ecosystem: str) -> dict[str, Any]:
        events: list[dict[str, str]] = []
        for part in self.affected.split(","):
            introduced, _, fixed = (word.strip() for word in part.partition("<"))
            events += [{"introduced": introduced}, *([{"fixed": fixed}] if fixed else [])]
        affected: dict[str, Any] = {
            "package": {"ecosystem": ecosystem, "name": self.package},
            "ranges": [{"type": "SEMVER" if ecosystem == "npm" else "ECOSYSTEM", "events": events}],
        }
        if self.urgency:
            affected["ecosystem_specific"] = {"urgency": self.urgency}
        return affected


def _severity(rating: str) -> dict[str, str]:
    if rating.startswith("CVSS:4"):
        return {"type": "CVSS_V4", "score": rating}
    if rating.startswith("AV:"):
        return {"type": "CVSS_V2", "score": rating}
    pairs = zip(_METRICS, rating, strict=True)
    return {"type": "CVSS_V3", "score": "CVSS:3.1/" + "/".join(f"{metric}:{value}" for metric, value in pairs)}
