"""Derives images' findings from the stored matches by set-based SQL, and keeps the counters that sum them up.

Call it inside the transaction of what changed; repeating it changes nothing.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connection, transaction

from scans.models import Image, Severity
from scans.transactions import deadlock_retried

_OPEN = """
INSERT INTO scans_finding (organization_id, image_id, package_id, vulnerability_id, layer_id, path, severity,
                           fixed_version, state, first_seen_at, last_seen_at)
SELECT p.organization_id, p.image_id, p.package_id, m.vulnerability_id, p.layer_id, p.path, m.severity,
       m.fixed_version, 'open', now(), now()
FROM (
    SELECT DISTINCT ON (ip.image_id, ip.package_id) i.organization_id, ip.image_id, ip.package_id, ip.layer_id, ip.path
    FROM scans_imagepackage ip JOIN scans_image i ON i.id = ip.image_id
    WHERE ip.image_id = ANY(%(images)s) AND (ip.owned_by = '' OR i.os_coverage <> '')
    ORDER BY ip.image_id, ip.package_id, ip.path
) p
JOIN scans_packagematch m ON m.package_id = p.package_id
ORDER BY p.image_id, p.package_id, m.vulnerability_id
ON CONFLICT (image_id, package_id, vulnerability_id) DO UPDATE SET
    severity = EXCLUDED.severity, fixed_version = EXCLUDED.fixed_version, layer_id = EXCLUDED.layer_id,
    path = EXCLUDED.path, state = 'open', closed_at = NULL, last_seen_at = now()
"""

_CLOSE = """
UPDATE scans_finding f SET closed_at = now(), state = CASE WHEN EXISTS (
        SELECT 1 FROM scans_imagepackage ip WHERE ip.image_id = f.image_id AND ip.package_id = f.package_id
    ) THEN 'withdrawn' ELSE 'removed' END
WHERE f.image_id = ANY(%(images)s) AND f.state = 'open' AND NOT EXISTS (
    SELECT 1 FROM scans_imagepackage ip
    JOIN scans_image i ON i.id = ip.image_id
    JOIN scans_packagematch m ON m.package_id = ip.package_id AND m.vulnerability_id = f.vulnerability_id
    WHERE ip.image_id = f.image_id AND ip.package_id = f.package_id AND (ip.owned_by = '' OR i.os_coverage <> '')
)
"""

_COUNT_IMAGES = """
UPDATE scans_image i SET critical_count = c.critical, high_count = c.high, medium_count = c.medium, low_count = c.low,
                         unknown_count = c.unknown, fixable_count = c.fixable, matched_at = now()
FROM (
    SELECT w.id, count(f.id) FILTER (WHERE f.severity = %(critical)s) AS critical,
           count(f.id) FILTER (WHERE f.severity = %(high)s) AS high,
           count(f.id) FILTER (WHERE f.severity = %(medium)s) AS medium,
           count(f.id) FILTER (WHERE f.severity = %(low)s) AS low,
           count(f.id) FILTER (WHERE f.severity IN (%(unknown)s, %(negligible)s)) AS unknown,
           count(f.id) FILTER (WHERE f.fixed_version <> '') AS fixable
    FROM unnest(%(images)s::bigint[]) AS w(id)
    LEFT JOIN scans_finding f ON f.image_id = w.id AND f.state = 'open'
    GROUP BY w.id
) c WHERE i.id = c.id
"""

_WINDOW = """
WITH w AS MATERIALIZED (
    SELECT x.id, EXISTS (
        SELECT 1 FROM scans_tagimage ti JOIN scans_tag t ON t.id = ti.tag_id
        JOIN scans_repository r ON r.id = t.repository_id
        WHERE ti.image_id = x.id AND t.in_window AND t.gone_at IS NULL AND r.gone_at IS NULL
    ) AS in_window
    FROM scans_image x
    WHERE x.organization_id = %(organization)s AND (x.in_window OR x.id IN (
        SELECT ti.image_id FROM scans_tagimage ti JOIN scans_tag t ON t.id = ti.tag_id
        JOIN scans_repository r ON r.id = t.repository_id WHERE r.registry_id = %(registry)s))
), changing AS MATERIALIZED (
    SELECT i.id, w.in_window FROM scans_image i JOIN w ON w.id = i.id
    WHERE i.in_window <> w.in_window ORDER BY i.id FOR NO KEY UPDATE OF i
)
UPDATE scans_image i SET in_window = c.in_window FROM changing c WHERE i.id = c.id
"""

_COUNT_REGISTRY = """
UPDATE integrations_registry r SET image_count = c.images, repository_count = (
        SELECT count(*) FROM scans_repository p WHERE p.registry_id = r.id AND p.gone_at IS NULL),
    critical_count = c.critical, high_count = c.high, medium_count = c.medium, low_count = c.low,
    unknown_count = c.unknown, fixable_count = c.fixable
FROM (
    SELECT count(*) AS images, coalesce(sum(i.critical_count), 0) AS critical, coalesce(sum(i.high_count), 0) AS high,
           coalesce(sum(i.medium_count), 0) AS medium, coalesce(sum(i.low_count), 0) AS low,
           coalesce(sum(i.unknown_count), 0) AS unknown, coalesce(sum(i.fixable_count), 0) AS fixable
    FROM scans_image i WHERE i.in_window AND i.id IN (
        SELECT ti.image_id FROM scans_tagimage ti JOIN scans_tag t ON t.id = ti.tag_id
        JOIN scans_repository p ON p.id = t.repository_id
        WHERE p.registry_id = %(registry)s AND t.in_window AND t.gone_at IS NULL AND p.gone_at IS NULL)
) c WHERE r.id = %(registry)s
"""

_STALE = """
WITH held AS MATERIALIZED (
    SELECT i.id FROM scans_image i WHERE i.matched_at IS NOT NULL AND EXISTS (
        SELECT 1 FROM scans_imagepackage ip WHERE ip.image_id = i.id AND ip.package_id = ANY(%(packages)s))
    ORDER BY i.id FOR NO KEY UPDATE OF i
)
UPDATE scans_image i SET matched_at = NULL FROM held WHERE i.id = held.id
"""

_REGISTRIES_OF = """
SELECT DISTINCT g.id, g.organization_id FROM scans_tagimage ti JOIN scans_tag t ON t.id = ti.tag_id
JOIN scans_repository r ON r.id = t.repository_id JOIN integrations_registry g ON g.id = r.registry_id
WHERE ti.image_id = ANY(%s) ORDER BY g.id
"""

_SEVERITIES = {severity.band: severity.value for severity in Severity}


@deadlock_retried
@transaction.atomic
def findings_derive(image_ids: Sequence[int]) -> None:
    """Opens, updates and closes the findings of the images named, and recounts them."""
    if not image_ids:
        return
    values: dict[str, Any] = {"images": sorted(image_ids), **_SEVERITIES}
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM scans_image WHERE id = ANY(%(images)s) ORDER BY id FOR NO KEY UPDATE", values)
        for statement in (_OPEN, _CLOSE, _COUNT_IMAGES):
            cursor.execute(statement, values)


@deadlock_retried
@transaction.atomic
def registry_recount(registry_id: int, organization_id: int) -> None:
    """Says anew which images are in a window, and sums the registry's counters up from its images'."""
    values = {"registry": registry_id, "organization": organization_id}
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM integrations_registry WHERE id = %(registry)s FOR NO KEY UPDATE", values)
        cursor.execute(_WINDOW, values)
        cursor.execute(_COUNT_REGISTRY, values)


def images_mark_stale(package_ids: Sequence[int]) -> None:
    """Says of every image that holds any of the packages that its findings are to be derived again.

    It is written with the matches themselves, so that a crash before the findings follow leaves the work to be found.
    """
    with connection.cursor() as cursor:
        cursor.execute(_STALE, {"packages": list(package_ids)})


def images_stale() -> list[int]:
    """The images whose findings do not follow their packages' matches yet."""
    rows = Image.objects.filter(matched_at=None).exclude(analysed_at=None)
    return list(rows.order_by("pk").values_list("pk", flat=True))


def registries_recount(image_ids: Sequence[int]) -> None:
    """Recounts every registry that a tag of any of the images is in."""
    with connection.cursor() as cursor:
        cursor.execute(_REGISTRIES_OF, [list(image_ids)])
        found = cursor.fetchall()
    for registry_id, organization_id in found:
        registry_recount(registry_id, organization_id)
