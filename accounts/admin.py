"""Django admin's pages on accounts, for operators (staff) at /operators/. Members never see a link to them.

Writes that have rules go through services; the audit log can only be read.
"""

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest

from accounts.forms import OperatorLoginForm
from accounts.models import AuditEvent, Group, Membership, Organization, User
from accounts.services import organization_create

admin.site.site_header = "Portwarden operators"
admin.site.site_title = "Portwarden operators"
admin.site.index_title = "Rows of the portal"
admin.site.site_url = "/"
admin.site.login_form = OperatorLoginForm


@admin.register(Organization)
class OrganizationAdmin(admin.ModelAdmin):
    list_display = ("name", "slug", "created_at")
    search_fields = ("name", "slug")
    readonly_fields = ("created_at",)

    def save_model(self, request: HttpRequest, obj: Organization, form: forms.ModelForm, change: bool) -> None:
        """A new organization comes with its default groups, as everywhere."""
        if change:
            super().save_model(request, obj, form, change)
        else:
            actor = request.user if isinstance(request.user, User) else None
            obj.pk = organization_create(name=obj.name, slug=obj.slug, actor=actor).pk
            obj.refresh_from_db()


@admin.register(User)
class PortalUserAdmin(UserAdmin):
    """Django's own, for users who log in by e-mail; the groups of Portwarden are on the membership."""

    ordering = ("name", "pk")
    list_display = ("name", "email", "is_service", "is_active", "is_staff", "last_active_at")
    list_filter = ("is_service", "is_active", "is_staff")
    search_fields = ("name", "email")
    readonly_fields = ("is_service", "created_at", "last_login", "last_active_at")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        ("Status", {"fields": ("is_active", "is_staff", "is_superuser", "is_service")}),
        ("Dates", {"fields": ("created_at", "last_login", "last_active_at")}),
    )
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("email", "name", "usable_password", "password1", "password2")}),
    )


@admin.register(Group)
class GroupAdmin(admin.ModelAdmin):
    list_display = ("name", "organization", "role")
    list_filter = ("role",)
    search_fields = ("name", "organization__name")
    list_select_related = ("organization",)


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin):
    list_display = ("user", "organization", "created_at")
    search_fields = ("user__name", "user__email", "organization__name")
    list_select_related = ("user", "organization")
    autocomplete_fields = ("user", "organization", "groups")
    readonly_fields = ("created_at",)


@admin.register(AuditEvent)
class AuditEventAdmin(admin.ModelAdmin):
    """Read only: events are only ever added, by services."""

    list_display = ("created_at", "organization", "actor_name", "action", "object_name")
    list_filter = ("action",)
    search_fields = ("actor_name", "object_name")
    list_select_related = ("organization",)
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:
        return False
