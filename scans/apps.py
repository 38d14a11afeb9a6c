"""The scans app: the product itself. Hears of connected registries and changed schedules from integrations."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_delete

from integrations import signals


class ScansConfig(AppConfig):
    name = "scans"
    verbose_name = "Scans"

    def ready(self) -> None:
        from django_q.signals import post_spawn  # noqa: PLC0415

        from integrations.models import Registry  # noqa: PLC0415  (models exist only once all apps are loaded)
        from scans import schedules, services  # noqa: PLC0415

        signals.registry_connected.connect(services.on_registry_connected, dispatch_uid="first-scan")
        signals.registry_pushed.connect(services.on_registry_pushed, dispatch_uid="pushed-tag")
        signals.registry_schedule_changed.connect(services.on_schedule_changed, dispatch_uid="schedule")
        pre_delete.connect(services.on_registry_deleting, sender=Registry, dispatch_uid="forget-images")
        post_spawn.connect(services.on_worker_spawned, dispatch_uid="worker-spawned")
        post_migrate.connect(schedules.sweep_ensure, sender=self, dispatch_uid="sweep")
