"""The addresses of integrations."""

from django.urls import path

from integrations import preview_views, views, webhook_views

app_name = "integrations"
urlpatterns = [
    path("integrations/", views.catalog, name="catalog"),
    path("integrations/<slug:kind>/", views.wizard_prerequisites, name="registry_connect"),
    path("integrations/<slug:kind>/connection/", views.wizard_connection, name="registry_connect_connection"),
    path("integrations/<slug:kind>/configuration/", views.wizard_configuration, name="registry_connect_configuration"),
    path("integrations/<slug:kind>/preview/", preview_views.wizard_preview, name="registry_connect_preview"),
    path("integrations/<slug:kind>/cancel/", views.wizard_cancel, name="registry_connect_cancel"),
    path("registries/<int:pk>/edit/", views.registry_edit, name="registry_edit"),
    path("registries/<int:pk>/connection/", views.registry_credentials, name="registry_credentials"),
    path("registries/<int:pk>/webhook/", webhook_views.registry_webhook, name="registry_webhook"),
    path("registries/<int:pk>/webhook/make/", webhook_views.registry_webhook_make, name="registry_webhook_make"),
    path("registries/<int:pk>/webhook/remove/", webhook_views.registry_webhook_remove, name="registry_webhook_remove"),
    path("hooks/<str:hook>/<str:secret>/", webhook_views.webhook_receive, name="webhook_receive"),
    path("registries/<int:pk>/disable/", views.registry_disable, name="registry_disable"),
    path("registries/<int:pk>/enable/", views.registry_enable, name="registry_enable"),
    path("registries/<int:pk>/delete/", views.registry_delete_confirm, name="registry_delete"),
]
