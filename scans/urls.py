"""The addresses of scans."""

from django.urls import URLPattern, path

from scans.views import findings, images, overview, preview, registries, scans

app_name = "scans"
urlpatterns: list[URLPattern] = [
    path("", overview.dashboard, name="dashboard"),
    path("registries/", registries.registry_list, name="registry_list"),
    path("registries/scan/", registries.registries_scan, name="registries_scan"),
    path("registries/<int:pk>/", registries.registry_detail, name="registry_detail"),
    path("registries/<int:pk>/scan/", registries.registry_scan, name="registry_scan"),
    path("registries/<int:pk>/preview/", preview.registry_preview, name="registry_preview"),
    path("scans/<int:pk>/", scans.scan_detail, name="scan_detail"),
    path("scans/<int:pk>/progress/", scans.scan_progress_part, name="scan_progress"),
    path("scans/<int:pk>/cancel/", scans.scan_cancel, name="scan_cancel"),
    path("images/", images.image_list, name="image_list"),
    path("images/<int:pk>/", images.image_detail, name="image_detail"),
    path("findings/", findings.finding_list, name="finding_list"),
    path("findings/<int:pk>/", findings.finding_detail, name="finding_detail"),
    path("vulnerabilities/", findings.vulnerability_list, name="vulnerability_list"),
    path("vulnerabilities/<path:identifier>/", findings.vulnerability_detail, name="vulnerability_detail"),
    path("advisories/", overview.advisory_list, name="advisory_list"),
]
