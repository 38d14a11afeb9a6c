"""Read a registry's refusals: status and error envelope to the error tree, `Retry-After` to seconds, `Link` to a URL.

Pure functions over answers already received. Server texts are cut, cleaned and stripped of URL queries before use.
Source: OCI distribution specification 1.1 (error codes), RFC 9110 (Retry-After), RFC 8288 (Link).
"""

import json
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from .errors import AuthenticationFailed, NotFound, PermissionDenied, RateLimited, RegistryError, Transient, Unsupported

_LINK = re.compile(r"<([^<>]*)>([^<]*)")
_NEXT = re.compile(r';\s*rel\s*=\s*"?[^";,]*\bnext\b', re.IGNORECASE)
_QUERY = re.compile(r"\?\S*")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\u00a0-\uffff]+")
_TEXT_MAX = 200
_RETRIED = frozenset({408, 429, 500, 502, 503, 504})


def is_retried(status: int) -> bool:
    """True for a status that may pass by itself."""
    return status in _RETRIED


def retry_after_s(response: httpx.Response) -> float | None:
    """Seconds to wait as the server asks, never negative; None where it does not say.

    `Retry-After` is seconds or an HTTP date; Docker Hub's API sends `X-Retry-After` with a Unix time instead.
    """
    text = response.headers.get("retry-after", "").strip()
    moment = response.headers.get("x-retry-after", "").strip()
    if not text and moment.isdecimal():
        return max(0.0, float(moment[:12]) - datetime.now(UTC).timestamp())
    if text.isdecimal():
        return float(text[:9])
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())


def next_link(response: httpx.Response) -> str | None:
    """The target of `rel="next"`, byte for byte as the server wrote it, or None."""
    for header in response.headers.get_list("link"):
        for target, parameters in _LINK.findall(header):
            if _NEXT.search(parameters):
                return str(target).strip()
    return None


def error_of(response: httpx.Response, what: str) -> RegistryError:
    """The error for a refused request; `what` names the thing asked for ("the tag 1.0 of team/app").

    The body must have been read; one that is neither an error envelope nor plain text (HTML, empty) counts as silent.
    """
    status = response.status_code
    codes, text = _envelope(response)
    said = f" The registry says: {text}" if text else ""
    if status == 429 or "TOOMANYREQUESTS" in codes:
        return RateLimited(
            f"The registry limits the rate of requests, at {what}. It is tried again later.{said}",
            retry_after_s=retry_after_s(response),
            status=status,
        )
    if status in (408, 500, 502, 503, 504) or status > 504:
        return Transient(f"The registry could not answer for {what} (status {status}).{said}", status=status)
    if "UNSUPPORTED" in codes or status == 405:
        return Unsupported(f"The registry does not offer this: {what}.{said}", status=status)
    if status == 401:
        return AuthenticationFailed(f"The registry asks to sign in for {what}.{said}", status=status)
    if status == 403:
        return PermissionDenied(
            f"The registry does not allow reading {what}. Grant the right to pull.{said}", status=status
        )
    if status in (404, 410):
        code = next((c.lower() for c in codes if c.endswith("_UNKNOWN")), None)
        return NotFound(f"The registry does not have {what}.{said}", code=code, status=status)
    return RegistryError(
        f"The registry answered with status {status} for {what}.{said}", code="unexpected_status", status=status
    )


def _envelope(response: httpx.Response) -> tuple[frozenset[str], str]:
    try:
        errors = json.loads(response.content).get("errors")
        items = [item for item in errors if isinstance(item, dict)]
    except (ValueError, AttributeError, TypeError, RecursionError):
        return frozenset(), _plain_text(response)
    codes = frozenset(item["code"] for item in items if isinstance(item.get("code"), str))
    texts = [item["message"] for item in items if isinstance(item.get("message"), str)]
    return codes, text_clean(texts[0]) if texts else ""


def _plain_text(response: httpx.Response) -> str:
    """A refusal in plain words, as gateways and policies write them. Pages for browsers say nothing of use."""
    is_text = response.headers.get("content-type", "").partition(";")[0].strip().lower() == "text/plain"
    return text_clean(response.content[:2000].decode("utf-8", "replace")) if is_text else ""


def text_clean(text: str) -> str:
    """One short line of a server's text: no control characters, no URL queries."""
    return _QUERY.sub("", _UNPRINTABLE.sub(" ", text[:2000])).strip()[:_TEXT_MAX]
