"""The style guide at /styleguide/ (DEBUG and tests only): every shared part with plausible sample data.

Reads no database; the values below are invented and appear on no other page.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from django import forms
from django.utils import timezone
from django.views.generic import TemplateView

_DIGEST = "sha256:9f1c4b7d0e52a88361f0c3d9b4e7a6125c8d9e0f3b1a2c4d5e6f708192a3be07"
_TRUST_POLICY = """{
  "Version": "2012-10-17",
  "Statement": [{
    "Effect": "Allow",
    "Action": ["ecr:DescribeRepositories", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
    "Resource": "*"
  }]
}"""


class SampleFilter(forms.Form):
    """A filter bar with one field of each kind."""

    q = forms.CharField(
        label="Search", required=False, widget=forms.TextInput(attrs={"placeholder": "Vulnerability or package"})
    )
    severity = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        choices=[("critical", "Critical"), ("high", "High"), ("medium", "Medium"), ("low", "Low")],
    )
    access = forms.ChoiceField(
        label="Access",
        required=False,
        choices=[("", "Any"), ("private", "Private"), ("public", "Public/Manual"), ("system", "System-managed")],
    )
    fixable = forms.BooleanField(label="Fixable only", required=False)


class SampleConnection(forms.Form):
    """A form with help, an optional field, a choice and errors."""

    name = forms.CharField(help_text="How this registry is called in lists.")
    url = forms.URLField(
        label="Registry URL", assume_scheme="https", help_text="For example https://harbor.example.com"
    )
    password = forms.CharField(label="Password or token", required=False, widget=forms.PasswordInput)
    interval = forms.ChoiceField(
        label="Scan interval", choices=[("off", "Off"), ("6h", "Every 6 hours"), ("24h", "Daily")]
    )
    first = forms.BooleanField(label="Scan as soon as it is connected", required=False)


class StyleguideView(TemplateView):
    """All parts on one page."""

    template_name = "styleguide.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        now = timezone.now()
        return super().get_context_data(
            now=now,
            digest=_DIGEST,
            policy=_TRUST_POLICY,
            counts={"critical": 18, "high": 143, "medium": 389, "low": 211, "negligible": 96, "unknown": 12},
            stamps=_stamps(now),
            points=_points(now.date()),
            rows=_rows(now),
            filter_form=SampleFilter({"q": "openssl", "severity": ["critical", "high"], "fixable": "on"}),
            chips=[
                {"label": "Search", "value": "openssl", "remove_url": "?"},
                {"label": "Severity", "value": "Critical or High", "remove_url": "?"},
                {"label": "Fix", "value": "available", "remove_url": "?"},
            ],
            bound_form=SampleConnection(
                {"name": "Harbor production", "url": "harbor", "interval": "6h", "first": "on"}
            ),
            trace=_trace(),
            steps=[
                {"label": "Prerequisites", "state": "done", "url": "#"},
                {"label": "Connection", "state": "current"},
                {"label": "Configuration", "state": "todo"},
            ],
            tabs=[
                {"label": "Findings", "url": "#", "current": True, "count": 214},
                {"label": "Packages", "url": "#", "count": 431},
                {"label": "Layers", "url": "#", "count": 9},
                {"label": "Tags", "url": "#"},
            ],
            scan_states=["queued", "running", "done", "partial", "failed", "cancelled", "stale"],
            outcomes=[
                "scanned",
                "unchanged",
                "out_of_window",
                "excluded",
                "unsupported",
                "too_large",
                "unreadable",
                "denied",
                "rate_limited",
                "gone",
                "failed",
                "pending",
            ],
            severities=["critical", "high", "medium", "low", "negligible", "unknown"],
            events=_events(now),
            icons=_icon_names(),
            **kwargs,
        )


def _stamps(now: datetime) -> dict[str, dict[str, Any]]:
    return {
        "complete": {"state": "complete", "read": 240, "total": 240, "feed_updated_at": now - timedelta(hours=2)},
        "partial": {
            "state": "partial",
            "read": 231,
            "total": 240,
            "feed_updated_at": now - timedelta(hours=2),
            "url": "#",
        },
        "stale": {"state": "stale", "read": 236, "total": 240, "feed_updated_at": now - timedelta(days=9)},
        "unknown": {"state": "unknown", "read": None, "total": None, "feed_updated_at": None},
    }


def _points(today: date) -> list[dict[str, Any]]:
    points: list[dict[str, Any]] = []
    for age in range(30, -1, -1):
        step = 30 - age
        points.append(
            {
                "at": today - timedelta(days=age),
                "critical": 31 - step * 13 // 30 + (9 if 12 <= step < 17 else 0),
                "high": 172 - step + (18 if step >= 12 else 0) - (17 if step > 24 else 0),
                "medium": 402 - step * 2 + (step % 7) * 3,
                "low": 220 - step // 3,
                "negligible": 96,
                "unknown": 12,
                "known": age not in {20, 19},
            }
        )
    return points


def _rows(now: datetime) -> list[dict[str, Any]]:
    def row(name: str, kind: str, access: str, status: str, interval: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "kind": kind, "access": access, "status": status, "interval": interval, **more}

    return [
        row(
            "Harbor production",
            "Other OCI",
            "Private",
            "running",
            "Every 6 hours",
            id=1,
            images=240,
            last=now - timedelta(hours=3),
            counts={"critical": 11, "high": 84, "medium": 190, "low": 122, "negligible": 60},
            tip="Every 6 hours at :15.\nNext scan in 2 h, 23:15 UTC.",
        ),
        row(
            "payments-eu",
            "Amazon ECR",
            "Private",
            "done",
            "Daily",
            id=2,
            images=86,
            last=now - timedelta(hours=9),
            counts={"critical": 0, "high": 12, "medium": 44, "low": 31},
            tip="Every day at 04:00.\nNext scan in 7 h, 04:00 UTC.",
        ),
        row(
            "corp-artifactory",
            "JFrog",
            "Private",
            "partial",
            "Every 12 hours",
            id=3,
            images=512,
            last=now - timedelta(hours=11),
            counts={"critical": 7, "high": 47, "medium": 155, "low": 58, "unknown": 12},
            tip="Every 12 hours.\nNext scan in 48 min.",
        ),
        row(
            "docker.io",
            "Docker Hub",
            "Public/Manual",
            "stale",
            "Off",
            id=4,
            images=3,
            last=now - timedelta(days=38),
            counts={"critical": 0, "high": 0, "medium": 0, "low": 0},
            tip="Scanned by hand only.",
        ),
        row(
            "legacy-acr",
            "Azure ACR",
            "Private",
            "failed",
            "Weekly",
            id=5,
            images=None,
            last=None,
            counts=None,
            tip="Mondays at 03:00.\nNext scan in 5 d.",
        ),
    ]


def _trace() -> list[dict[str, Any]]:
    return [
        {
            "label": "Resolve harbor.example.com",
            "state": "ok",
            "detail": "203.0.113.20, a public address",
            "duration_ms": 12,
        },
        {
            "label": "Open a TLS connection",
            "state": "ok",
            "detail": "TLS 1.3, certificate valid until 2 Feb 2027",
            "duration_ms": 48,
        },
        {"label": "Log in as robot$portwarden", "state": "ok", "detail": "Token for 30 minutes", "duration_ms": 71},
        {
            "label": "List the repositories",
            "state": "failed",
            "detail": "GET /v2/_catalog answered 403: requested access to the resource is denied",
            "remedy": "Give the robot account the system permission “List repository”, "
            "or name the repositories yourself in the next step.",
            "duration_ms": 64,
        },
        {"label": "Read one manifest", "state": "skipped"},
    ]


def _events(now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "at": now - timedelta(minutes=12),
            "title": "Scan ended partial: 231 of 240 tags read",
            "detail": "9 tags rate limited, next try in 48 min",
            "actor": "cn-registry-service-4f2a",
            "icon": "warning",
            "tone": "partial",
        },
        {
            "at": now - timedelta(hours=2),
            "title": "4 findings added by a new advisory",
            "detail": "DSA-5987-1 for openssl",
            "icon": "advisory",
        },
        {
            "at": now - timedelta(hours=26),
            "title": "Olga changed the scan interval from daily to every 6 hours",
            "actor": "olga@example.com",
            "icon": "edit",
        },
        {
            "at": now - timedelta(days=12),
            "title": "Registry connected",
            "actor": "olga@example.com",
            "icon": "link",
            "tone": "running",
        },
    ]


def _icon_names() -> list[str]:
    sprite = Path(__file__).parent / "static" / "icons.svg"
    return re.findall(r'<symbol id="([^"]+)"', sprite.read_text(encoding="utf-8"))
