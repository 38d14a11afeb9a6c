"""What accounts tell the apps above them, which they may not import.

Sent inside the transaction of the write; a receiver that raises rolls it back.
"""

from django.dispatch import Signal

service_user_changed = Signal()
"""Sent with `user` and `problem` after a service user was activated, deactivated or moved to other groups.

`problem` is the sentence of `service_user_problem`: empty when scans may run as that user (again).
"""
