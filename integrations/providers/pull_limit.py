"""The pull limit that a registry tells of in its answers, and the share of it that scans leave to others.

Docker Hub counts each GET of a manifest, HEADs and blobs not; `ratelimit-limit: 100;w=21600` and
`ratelimit-remaining: 20;w=21600` come with every answer for a manifest, HEADs too, and are absent where no limit
applies. The window slides and names no end. Source: reference section 4.6.
"""

import re
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil

import httpx

from integrations.oci.errors import RateLimited

_VALUE = re.compile(r"\s*(\d{1,9})\s*(?:;\s*w=(\d{1,9}))?")
_MANIFEST = re.compile(r"/v2/.+/manifests/[^/]+$")
WINDOW_DEFAULT_S = 21_600
WAIT_MIN_S = 900.0


@dataclass(frozen=True, slots=True)
class PullLimit:
    """What the registry said last: `limit` pulls in `window_s` seconds, `remaining` of them left for `source`."""

    limit: int
    remaining: int
    window_s: int
    source: str
    seen_at: datetime

    @property
    def wait_s(self) -> float:
        """When to come back: a quarter of a sliding window gives back about a quarter of the pulls."""
        return max(WAIT_MIN_S, self.window_s / 4)


class PullMeter:
    """Reads the limit off a client's answers; `reserve` is the share (0 to 1) left to others. For several threads."""

    def __init__(self, reserve: float) -> None:
        self._reserve = reserve
        self._lock = threading.Lock()
        self._latest: PullLimit | None = None
        self._asked = self._was_hasty = False

    @property
    def latest(self) -> PullLimit | None:
        """None where no limit is known: it was not asked for yet, or there is none."""
        return self._latest

    @property
    def is_known(self) -> bool:
        """Whether any answer for a manifest was seen, so that an absent limit means that there is none."""
        return self._asked

    def seen(self, response: httpx.Response) -> None:
        """Takes note of an answer; those for anything but manifests say nothing."""
        if not _MANIFEST.search(response.request.url.path) or response.status_code not in (200, 404, 429):
            return
        limit = _limit_of(response)
        with self._lock:
            self._asked = True
            self._was_hasty = response.status_code == 429 and not _is_json(response)
            if limit is not None or response.status_code == 200:
                self._latest = limit

    def check(self) -> None:
        """Raise RateLimited (`pulls_reserved`) where one more pull would take from the share left to others."""
        limit = self._latest
        if limit is None or limit.remaining - 1 >= ceil(limit.limit * self._reserve):
            return
        raise RateLimited(
            f"{limit.remaining} of {limit.limit} pulls are left, which scans leave to others. The limit renews itself "
            f"over {_duration(limit.window_s)}; scanning goes on then.",
            code="pulls_reserved",
            retry_after_s=limit.wait_s,
        )

    def refused(self, error: RateLimited) -> RateLimited:
        """A refusal of the registry, with a time to come back where it names none: soon after mere haste, after a good
        part of the window where the pulls are used up."""
        used_up_s = self._latest.wait_s if self._latest else WINDOW_DEFAULT_S / 4
        code, wait_s = ("haste", WAIT_MIN_S) if self._was_hasty else ("pulls_exhausted", used_up_s)
        return RateLimited(error.message, code=code, retry_after_s=error.retry_after_s or wait_s, status=error.status)


def is_retried_soon(response: httpx.Response) -> bool:
    """Whether an answer is worth another try at once: a used-up pull limit is not, a moment's abuse limit is."""
    if response.status_code != 429:
        return response.status_code in (408, 500, 502, 503, 504)
    return not (_is_json(response) and _MANIFEST.search(response.request.url.path))


def _is_json(response: httpx.Response) -> bool:
    """Hub tells of used-up pulls in the registry's envelope, and of too many requests in a moment in plain text."""
    return "json" in response.headers.get("content-type", "")


def _limit_of(response: httpx.Response) -> PullLimit | None:
    limit = _VALUE.match(response.headers.get("ratelimit-limit", ""))
    remaining = _VALUE.match(response.headers.get("ratelimit-remaining", ""))
    if not limit or not remaining or int(limit[1]) == 0:
        return None
    window_s = int(limit[2] or remaining[2] or WINDOW_DEFAULT_S)
    source = response.headers.get("docker-ratelimit-source", "")[:80]
    return PullLimit(int(limit[1]), int(remaining[1]), window_s, source, datetime.now(UTC))


def _duration(seconds: int) -> str:
    hours = round(seconds / 3600)
    return f"{hours} h" if hours else f"{max(1, seconds // 60)} min"
