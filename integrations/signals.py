"""What integrations tell the app above them, which they may not import.

All are sent inside the transaction of the write; a receiver that raises rolls it back. Nothing else goes by signal.
"""

from django.dispatch import Signal

registry_connected = Signal()
"""Sent with `registry` and `actor` after a registry's row was written for the first time."""
registry_schedule_changed = Signal()
"""Sent with `registry` after its interval or its enabled state changed."""
registry_pushed = Signal()
"""Sent with `registry`, `repository` and `tag` when the registry says that a tag was pushed. Only a hint: a receiver
asks the registry itself, and must not raise because a scan may not start."""
