"""Who exists: organizations, their members and groups, the service users scans run as, and the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower

from accounts.roles import Role

SERVICE_USER_PREFIX = "cn-registry-service-"
ADMINISTRATORS_GROUP = "admins"


class Organization(models.Model):
    """The tenant. Every row that a person can see belongs to exactly one."""

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    """Makes people and operators; service users are made by accounts.services."""

    def create_user(self, email: str, password: str | None = None, **extra: Any) -> User:
        user = self.model(email=self.normalize_email(email), **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **extra: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **extra)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """A person, who logs in with an e-mail address, or a service user, who cannot log in and has none."""

    email = models.EmailField(null=True, blank=True)
    name = models.CharField(max_length=120)
    is_service = models.BooleanField(default=False)
    is_staff = models.BooleanField(default=False, help_text="May use the operators' pages of Django admin.")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_active_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[UserManager] = UserManager()
    membership: Membership

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="user_email_unique"),
            models.CheckConstraint(
                condition=models.Q(is_service=True, email__isnull=True)
                | models.Q(is_service=False, email__isnull=False),
                name="user_person_has_email",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.email or f"user {self.pk}"


class Group(models.Model):
    """A named set of members with one role. Each organization starts with `admins`, `scan-managers` and `viewers`."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="groups")
    name = models.CharField(max_length=60)
    role = models.CharField(max_length=20, choices=[(role.value, role.value.replace("_", " ")) for role in Role])

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="group_name_unique"),
            models.CheckConstraint(condition=models.Q(role__in=[role.value for role in Role]), name="group_role_known"),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A user's place in their one organization. The role is the highest of the groups'; no group means no access."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="memberships")
    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="membership")
    groups = models.ManyToManyField(Group, related_name="memberships", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    if TYPE_CHECKING:
        organization_id: int
        user_id: int

    def __str__(self) -> str:
        return f"{self.user} in {self.organization}"

    @property
    def role(self) -> Role | None:
        """The highest role of the member's groups, None without any. Reads `groups.all()`, so prefetch it in lists."""
        roles = [Role(group.role) for group in self.groups.all()]
        return max(roles, key=lambda role: role.rank, default=None)


class AuditEvent(models.Model):
    """Who did what to which thing, and when. Rows are only ever added; secrets never appear in `detail`."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="audit_events")
    actor = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    actor_name = models.CharField(max_length=254)
    action = models.CharField(max_length=60, help_text="Dotted verb, such as registry.connect.")
    object_type = models.CharField(max_length=40)
    object_id = models.CharField(max_length=40, blank=True)
    object_name = models.CharField(max_length=254, blank=True)
    detail = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["organization", "-created_at", "-id"], name="audit_newest")]

    def __str__(self) -> str:
        return f"{self.actor_name} {self.action} {self.object_name}"
