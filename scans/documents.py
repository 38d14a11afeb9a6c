"""Manifests and image configurations of an organization, kept in the database by digest."""

from accounts.models import Organization
from scans.models import Document

MAX_KEPT_BYTES = 256 * 1024
"""Larger ones, which are rare, are fetched whenever they are needed."""


class OrganizationDocuments:
    """The DocumentCache of integrations.oci for one organization."""

    def __init__(self, organization: Organization) -> None:
        self._rows = Document.objects.filter(organization=organization)
        self._organization = organization

    def get(self, digest: str) -> bytes | None:
        content = self._rows.filter(digest=digest).values_list("content", flat=True).first()
        return None if content is None else bytes(content)

    def put(self, digest: str, content: bytes) -> None:
        if len(content) <= MAX_KEPT_BYTES:
            row = Document(organization=self._organization, digest=digest, content=content)
            Document.objects.bulk_create([row], ignore_conflicts=True)
