"""Who may open what: one row for every URL name of the portal. A new URL needs a row here; test_access.py walks it."""

from accounts.roles import Role

ACCESS: dict[str, Role | None] = {
    # accounts
    "accounts:setup": None,
    "accounts:login": None,
    "accounts:logout": None,
    "accounts:password_set": None,
    "accounts:profile": Role.VIEWER,
    "accounts:profile_password": Role.VIEWER,
    "accounts:profile_sessions_end": Role.VIEWER,
    "accounts:user_list": Role.ADMINISTRATOR,
    "accounts:user_create": Role.ADMINISTRATOR,
    "accounts:user_edit": Role.ADMINISTRATOR,
    "accounts:user_link": Role.ADMINISTRATOR,
    "accounts:user_activate": Role.ADMINISTRATOR,
    "accounts:user_deactivate": Role.ADMINISTRATOR,
    "accounts:audit_list": Role.ADMINISTRATOR,
    # integrations
    "integrations:catalog": Role.ADMINISTRATOR,
    "integrations:registry_connect": Role.ADMINISTRATOR,
    "integrations:registry_connect_connection": Role.ADMINISTRATOR,
    "integrations:registry_connect_configuration": Role.ADMINISTRATOR,
    "integrations:registry_connect_preview": Role.ADMINISTRATOR,
    "integrations:registry_connect_cancel": Role.ADMINISTRATOR,
    "integrations:registry_edit": Role.ADMINISTRATOR,
    "integrations:registry_credentials": Role.ADMINISTRATOR,
    "integrations:registry_webhook": Role.ADMINISTRATOR,
    "integrations:registry_webhook_make": Role.ADMINISTRATOR,
    "integrations:registry_webhook_remove": Role.ADMINISTRATOR,
    "integrations:webhook_receive": None,
    "integrations:registry_disable": Role.ADMINISTRATOR,
    "integrations:registry_enable": Role.ADMINISTRATOR,
    "integrations:registry_delete": Role.ADMINISTRATOR,
    # scans
    "scans:dashboard": Role.VIEWER,
    "scans:registry_list": Role.VIEWER,
    "scans:registries_scan": Role.SCAN_MANAGER,
    "scans:registry_detail": Role.VIEWER,
    "scans:registry_scan": Role.SCAN_MANAGER,
    "scans:registry_preview": Role.ADMINISTRATOR,
    "scans:scan_detail": Role.VIEWER,
    "scans:scan_progress": Role.VIEWER,
    "scans:scan_cancel": Role.SCAN_MANAGER,
    "scans:image_list": Role.VIEWER,
    "scans:image_detail": Role.VIEWER,
    "scans:finding_list": Role.VIEWER,
    "scans:finding_detail": Role.VIEWER,
    "scans:vulnerability_list": Role.VIEWER,
    "scans:vulnerability_detail": Role.VIEWER,
    "scans:advisory_list": Role.VIEWER,
}
"""URL name → the least role that may use it; None is public."""

POST_ONLY: set[str] = {
    "accounts:logout",
    "accounts:profile_password",
    "accounts:profile_sessions_end",
    "accounts:user_link",
    "accounts:user_activate",
    "integrations:registry_connect_preview",
    "integrations:registry_connect_cancel",
    "integrations:registry_webhook_make",
    "integrations:webhook_receive",
    "integrations:registry_disable",
    "integrations:registry_enable",
    "scans:registries_scan",
    "scans:registry_scan",
    "scans:registry_preview",
    "scans:scan_cancel",
}
"""URL names that change something and answer 405 to GET."""

BY_SECRET: set[str] = {"integrations:webhook_receive"}
"""URL names whose address is itself the key: public, without a session, 404 for who does not know it."""
