"""What registries hold: repositories, tags, images, layers, and the packages found in them.

Images and layers are stored by digest within one organization and never shared between two; packages are public facts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

from accounts.models import Organization
from integrations.models import Registry


class RepositoryQuerySet(models.QuerySet["Repository"]):
    def for_organization(self, organization: Organization) -> RepositoryQuerySet:
        return self.filter(registry__organization=organization)


class Repository(models.Model):
    """A named set of images in a registry. `gone_at` is set only by a complete listing that lacks it."""

    registry = models.ForeignKey(Registry, on_delete=models.CASCADE, related_name="repositories")
    name = models.CharField(max_length=255)
    first_seen_at = models.DateTimeField(auto_now_add=True)
    listed_at = models.DateTimeField(null=True)
    listing_note = models.TextField(blank=True, db_default="", help_text="How the order of its tags came about.")
    tags_total = models.PositiveIntegerField(null=True, help_text="Tags in the registry, where it says so.")
    gone_at = models.DateTimeField(null=True)

    objects = RepositoryQuerySet.as_manager()

    if TYPE_CHECKING:
        registry_id: int

    class Meta:
        verbose_name_plural = "repositories"
        constraints = [models.UniqueConstraint(fields=["registry", "name"], name="repository_name_unique")]

    def __str__(self) -> str:
        return self.name


class ImageState(models.TextChoices):
    """`pending`: not read yet. `partial`: read, with something in `unread`. `failed`: never read so far."""

    PENDING = "pending", "Pending"
    COMPLETE = "complete", "Complete"
    PARTIAL = "partial", "Partial"
    FAILED = "failed", "Failed"


class ImageQuerySet(models.QuerySet["Image"]):
    def for_organization(self, organization: Organization) -> ImageQuerySet:
        return self.filter(organization=organization)

    def current(self) -> ImageQuerySet:
        """Images that a tag in its window points at now."""
        return self.filter(in_window=True)


class Image(models.Model):
    """A manifest for one platform, by digest, with its inventory's summary and its counters.

    `unread` lists what could not be looked at: {path, layer, cataloger, reason}. `in_window` and the counters are
    written in the transaction that changes what they sum up.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="images")
    digest = models.CharField(max_length=140)
    media_type = models.CharField(max_length=120, blank=True)
    platform = models.CharField(max_length=60, blank=True)
    os_family = models.CharField(max_length=40, blank=True)
    os_version = models.CharField(max_length=60, blank=True)
    os_name = models.CharField(max_length=120, blank=True)
    ecosystem = models.CharField(
        max_length=120, blank=True, help_text="OSV's name for the OS release, where it has one."
    )
    os_coverage = models.TextField(blank=True, help_text="Why no advisory source covers this OS; empty when one does.")
    size_bytes = models.BigIntegerField(default=0, help_text="Sum of the compressed layers.")
    built_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=10, choices=ImageState.choices, default=ImageState.PENDING)
    analyser_version = models.CharField(max_length=120, blank=True)
    unread = models.JSONField(default=list)
    notes = models.JSONField(default=list, db_default=[], help_text="Sentences on what the package list cannot know.")
    analysed_at = models.DateTimeField(null=True)
    matched_at = models.DateTimeField(null=True)
    first_seen_at = models.DateTimeField(auto_now_add=True)
    in_window = models.BooleanField(default=False)
    reference = models.CharField(max_length=600, blank=True, help_text="host/repository:tag it was last seen under.")

    package_count = models.PositiveIntegerField(default=0)
    critical_count = models.PositiveIntegerField(default=0)
    high_count = models.PositiveIntegerField(default=0)
    medium_count = models.PositiveIntegerField(default=0)
    low_count = models.PositiveIntegerField(default=0)
    unknown_count = models.PositiveIntegerField(default=0)
    fixable_count = models.PositiveIntegerField(default=0)

    layers: models.ManyToManyField[Layer, ImageLayer] = models.ManyToManyField(
        "Layer", through="ImageLayer", related_name="images"
    )

    objects = ImageQuerySet.as_manager()

    if TYPE_CHECKING:
        organization_id: int

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "digest"], name="image_digest_unique"),
            models.CheckConstraint(condition=models.Q(state__in=ImageState.values), name="image_state_known"),
        ]
        indexes = [
            models.Index(
                fields=["organization", "-critical_count", "-high_count", "-medium_count", "-id"],
                condition=models.Q(in_window=True),
                name="image_worst",
            )
        ]

    def __str__(self) -> str:
        return self.reference or self.digest


class Tag(models.Model):
    """A name for an image in a repository.

    `digest` is what the tag pointed at when last listed (an index or a manifest). `scanned_digest`,
    `scanned_pushed_at` and `scanned_by` say what was last looked at to the end, so that it is not read again.
    """

    repository = models.ForeignKey(Repository, on_delete=models.CASCADE, related_name="tags")
    name = models.CharField(max_length=128)
    digest = models.CharField(max_length=140, blank=True)
    pushed_at = models.DateTimeField(null=True)
    date_source = models.CharField(max_length=10, blank=True, help_text="registry, config, position or unknown.")
    position = models.PositiveIntegerField(default=0, help_text="0 is the newest of its repository.")
    in_window = models.BooleanField(default=False)
    scanned_digest = models.CharField(max_length=140, blank=True)
    scanned_pushed_at = models.DateTimeField(null=True)
    scanned_at = models.DateTimeField(null=True)
    scanned_outcome = models.CharField(max_length=20, blank=True, help_text="What the last reading came to.")
    scanned_reason = models.TextField(blank=True)
    scanned_by = models.CharField(max_length=200, blank=True, help_text="Analyser and platforms of the last reading.")
    last_outcome = models.CharField(max_length=20, blank=True)
    last_reason = models.TextField(blank=True)
    listed_at = models.DateTimeField(null=True)
    gone_at = models.DateTimeField(null=True)
    images = models.ManyToManyField(Image, through="TagImage", related_name="tags")

    if TYPE_CHECKING:
        repository_id: int

    class Meta:
        constraints = [models.UniqueConstraint(fields=["repository", "name"], name="tag_name_unique")]

    def __str__(self) -> str:
        return self.name


class TagImage(models.Model):
    """The image a tag pointed at when it was last read; one for each platform scanned."""

    tag = models.ForeignKey(Tag, on_delete=models.CASCADE, related_name="tag_images")
    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="tag_images")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tag", "image"], name="tag_image_unique")]


class LayerState(models.TextChoices):
    """`unread` is a layer that cannot be read as it is (corrupt, too large, unsupported): a fact about its bytes."""

    PENDING = "pending", "Pending"
    READING = "reading", "Being read"
    READ = "read", "Read"
    UNREAD = "unread", "Unreadable"


class Layer(models.Model):
    """One layer's analysis, kept for the organization and the analyser version, and who is reading it now.

    `analysis` is what scans.engine.codec wrote. A claim (`claimed_by`) ends at `lease_until` unless it is renewed.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="layers")
    digest = models.CharField(max_length=140)
    diff_id = models.CharField(max_length=140, blank=True)
    media_type = models.CharField(max_length=120, blank=True)
    size_bytes = models.BigIntegerField(default=0)
    expanded_bytes = models.BigIntegerField(default=0)
    entries = models.BigIntegerField(default=0)
    state = models.CharField(max_length=10, choices=LayerState.choices, default=LayerState.PENDING)
    analyser_version = models.CharField(max_length=120, blank=True)
    analysis = models.BinaryField(default=b"")
    reason_code = models.CharField(max_length=40, blank=True, help_text="Code of the error that left it unread.")
    reason = models.TextField(blank=True)
    claimed_by = models.CharField(max_length=80, blank=True)
    lease_until = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["claimed_by"], condition=~models.Q(claimed_by=""), name="layer_claimed"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["organization", "digest"], name="layer_digest_unique"),
            models.CheckConstraint(condition=models.Q(state__in=LayerState.values), name="layer_state_known"),
        ]

    def __str__(self) -> str:
        return self.digest


class ImageLayer(models.Model):
    """A layer's place in an image, bottom first, with the build step that made it (empty where unknown)."""

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="image_layers")
    layer = models.ForeignKey(Layer, on_delete=models.CASCADE, related_name="image_layers")
    position = models.PositiveSmallIntegerField()
    created_by = models.TextField(blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["image", "position"], name="image_layer_position_unique")]


class Document(models.Model):
    """A manifest or an image configuration by digest, kept so that each is fetched once; never shared by tenants."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=140)
    content = models.BinaryField()
    kept_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "digest"], name="document_digest_unique")]


class Package(models.Model):
    """A named, versioned component: a public fact, shared by all organizations.

    `release` says for an OS package which distribution release it is of: OSV's ecosystem string where there is one
    (`Debian:12`), else family and version; it is empty for language packages.
    """

    type = models.CharField(max_length=20)
    release = models.CharField(max_length=120, blank=True)
    name = models.CharField(max_length=255)
    version = models.CharField(max_length=255)
    arch = models.CharField(max_length=40, blank=True)
    source_name = models.CharField(max_length=255, blank=True)
    source_version = models.CharField(max_length=255, blank=True)
    third_party = models.BooleanField(default=False)
    local = models.BooleanField(
        default=False, db_default=False, help_text="Not the package that its ecosystem publishes by this name."
    )
    modularity = models.CharField(max_length=255, blank=True, db_default="", help_text="rpm's module label.")
    purl = models.CharField(max_length=1000)
    distribution = models.JSONField(default=dict, help_text="family, version, name, codename it was first seen in.")
    unmatchable = models.JSONField(default=list, help_text="Reasons why an advisory could not be compared.")
    matched_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "type",
                    "release",
                    "name",
                    "version",
                    "arch",
                    "source_name",
                    "source_version",
                    "third_party",
                    "local",
                    "modularity",
                ],
                name="package_identity_unique",
            )
        ]
        indexes = [
            models.Index(fields=["type", "release", "source_name"], name="package_source"),
            models.Index(fields=["type", "name"], name="package_name"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class PackageKey(models.Model):
    """Under which (ecosystem, name) advisories speak of a package, and which version to compare by which scheme."""

    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="keys")
    ecosystem = models.CharField(max_length=120)
    name = models.CharField(max_length=400)
    version = models.CharField(max_length=255)
    scheme = models.CharField(max_length=20)

    if TYPE_CHECKING:
        package_id: int

    class Meta:
        constraints = [models.UniqueConstraint(fields=["package", "ecosystem", "name"], name="package_key_unique")]
        indexes = [models.Index(fields=["ecosystem", "name"], name="package_key_lookup")]


class ImagePackage(models.Model):
    """A package found in an image: by which file, brought by which layer, and the OS package that owns that file."""

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="image_packages")
    package = models.ForeignKey(Package, on_delete=models.PROTECT, related_name="image_packages")
    layer = models.ForeignKey(Layer, null=True, on_delete=models.SET_NULL, related_name="+")
    path = models.CharField(max_length=1000, blank=True)
    licenses = models.JSONField(default=list)
    owned_by = models.CharField(max_length=255, blank=True)
    vendor = models.CharField(max_length=255, blank=True, db_default="")
    note = models.CharField(
        max_length=255, blank=True, db_default="", help_text="How it was found, where that matters."
    )
    hashes = models.JSONField(default=dict, db_default={}, help_text="Algorithm as CycloneDX names it → hexadecimal.")

    if TYPE_CHECKING:
        image_id: int
        package_id: int
        layer_id: int | None

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["image", "package", "path"], name="image_package_unique"),
        ]
        indexes = [models.Index(fields=["package", "image"], name="image_package_reverse")]
