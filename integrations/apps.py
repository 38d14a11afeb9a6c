"""The integrations app: connections to outside systems."""

from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"
    verbose_name = "Integrations"

    def ready(self) -> None:
        from accounts.signals import service_user_changed  # noqa: PLC0415  (models exist only once apps are loaded)
        from integrations import services  # noqa: PLC0415

        service_user_changed.connect(services.on_service_user_changed, dispatch_uid="service-user")
