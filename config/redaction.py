"""Keeps the secrets in webhook addresses out of the log: whatever writes a request's path writes /hooks/… instead."""

import logging
import re

HOOK = re.compile(r"/hooks/[^\s\"'?]*")
REDACTED = "/hooks/…"
_TRACES = logging.Formatter()


class HooksRedacted(logging.Filter):
    """Rewrites records that name a webhook's address; it drops none.

    The request that Django attaches to a record goes too, since e-mails to administrators print its address.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if HOOK.search(message):
            record.msg, record.args = HOOK.sub(REDACTED, message), ()
        if record.exc_info and HOOK.search(trace := _TRACES.formatException(record.exc_info)):
            record.exc_text = HOOK.sub(REDACTED, trace)  # formatters take it as it is
        if "/hooks/" in getattr(getattr(record, "request", None), "path", ""):
            record.__dict__.pop("request")
        return True
