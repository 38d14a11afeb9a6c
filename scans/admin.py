"""Operators' pages of scans: everything can be looked at, nothing changed, because scans and feeds write these rows."""

from typing import ClassVar

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from scans.models import (
    Advisory,
    AdvisorySource,
    Finding,
    Image,
    Layer,
    Package,
    Repository,
    Scan,
    ScanJob,
    Tag,
    Vulnerability,
)


class ReadOnlyAdmin(admin.ModelAdmin):
    """Looks only; counting all rows of a large table for a page number is left out."""

    show_full_result_count = False
    list_per_page = 50
    list_select_related = True

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Scan)
class ScanAdmin(ReadOnlyAdmin):
    list_display = ("id", "registry", "organization", "trigger", "status", "created_at", "finished_at", "claimed_by")
    list_filter = ("status", "trigger")
    search_fields = ("registry__name",)


@admin.register(ScanJob)
class ScanJobAdmin(ReadOnlyAdmin):
    list_display = ("id", "scan", "repository", "identifier", "state", "attempts", "claimed_by", "lease_until")
    list_filter = ("state",)


@admin.register(Layer)
class LayerAdmin(ReadOnlyAdmin):
    """Without `analysis`, which is bytes of the engine's own."""

    list_display = ("id", "digest", "organization", "state", "size_bytes", "claimed_by", "lease_until")
    list_filter = ("state",)
    search_fields = ("digest",)
    exclude: ClassVar[tuple[str, ...]] = ("analysis",)


@admin.register(Image)
class ImageAdmin(ReadOnlyAdmin):
    list_display = ("id", "reference", "organization", "platform", "state", "in_window", "package_count")
    list_filter = ("state", "in_window")
    search_fields = ("reference", "digest")
    exclude: ClassVar[tuple[str, ...]] = ("layers",)


@admin.register(Repository)
class RepositoryAdmin(ReadOnlyAdmin):
    list_display = ("id", "name", "registry", "listed_at", "gone_at")
    search_fields = ("name",)


@admin.register(Tag)
class TagAdmin(ReadOnlyAdmin):
    list_display = ("id", "name", "repository", "in_window", "last_outcome", "pushed_at", "scanned_at")
    search_fields = ("name", "digest")


@admin.register(Package)
class PackageAdmin(ReadOnlyAdmin):
    list_display = ("id", "name", "version", "type", "release", "matched_at")
    list_filter = ("type",)
    search_fields = ("name",)


@admin.register(Finding)
class FindingAdmin(ReadOnlyAdmin):
    list_display = ("id", "vulnerability", "package", "image", "organization", "severity", "state")
    list_filter = ("state", "severity")
    search_fields = ("vulnerability__identifier",)


@admin.register(Vulnerability)
class VulnerabilityAdmin(ReadOnlyAdmin):
    list_display = ("identifier", "severity", "cvss_score", "published_at")
    list_filter = ("severity",)
    search_fields = ("identifier",)


@admin.register(AdvisorySource)
class AdvisorySourceAdmin(ReadOnlyAdmin):
    list_display = ("name", "records", "rejected", "last_success_at", "last_attempt_at")


@admin.register(Advisory)
class AdvisoryAdmin(ReadOnlyAdmin):
    list_display = ("record_id", "source", "modified_at", "withdrawn_at")
    list_filter = ("source",)
    search_fields = ("record_id",)
