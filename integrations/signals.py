"""What integrations tell the app above them, which they may not import.

Both are sent inside the transaction of the write; a receiver that raises rolls it back. Nothing else goes by signal.
"""

from django.dispatch import Signal

registry_connected = Signal()
"""Sent with `registry` and `actor` after a registry's row was written for the first time."""
registry_schedule_changed = Signal()
"""Sent with `registry` after its interval or its enabled state changed."""
