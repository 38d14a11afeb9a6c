"""Operators' read-only view of registries. Credentials are never shown, and nothing is written past the services."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from integrations.models import Registry


@admin.register(Registry)
class RegistryAdmin(admin.ModelAdmin):
    list_display = ("name", "organization", "kind", "access", "host", "state", "scan_interval", "last_check_at")
    list_filter = ("kind", "access", "state")
    list_select_related = ("organization",)
    search_fields = ("name", "host")
    exclude = ("secrets",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
