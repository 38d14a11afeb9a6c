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
    "integrations:registry_connect_cancel": Role.ADMINISTRATOR,
    "integrations:registry_edit": Role.ADMINISTRATOR,
    "integrations:registry_credentials": Role.ADMINISTRATOR,
    "integrations:registry_disable": Role.ADMINISTRATOR,
    "integrations:registry_enable": Role.ADMINISTRATOR,
    "integrations:registry_delete": Role.ADMINISTRATOR,
}
"""URL name → the least role that may use it; None is public."""

POST_ONLY: set[str] = {
    "accounts:logout",
    "accounts:profile_password",
    "accounts:profile_sessions_end",
    "accounts:user_link",
    "accounts:user_activate",
    "integrations:registry_connect_cancel",
    "integrations:registry_disable",
    "integrations:registry_enable",
}
"""URL names that change something and answer 405 to GET."""
