"""The addresses of integrations."""

from django.urls import path

from integrations import views

app_name = "integrations"
urlpatterns = [
    path("integrations/", views.catalog, name="catalog"),
    path("integrations/<slug:kind>/", views.wizard_prerequisites, name="registry_connect"),
    path("integrations/<slug:kind>/connection/", views.wizard_connection, name="registry_connect_connection"),
    path("integrations/<slug:kind>/configuration/", views.wizard_configuration, name="registry_connect_configuration"),
    path("integrations/<slug:kind>/cancel/", views.wizard_cancel, name="registry_connect_cancel"),
    path("registries/<int:pk>/edit/", views.registry_edit, name="registry_edit"),
    path("registries/<int:pk>/connection/", views.registry_credentials, name="registry_credentials"),
    path("registries/<int:pk>/disable/", views.registry_disable, name="registry_disable"),
    path("registries/<int:pk>/enable/", views.registry_enable, name="registry_enable"),
    path("registries/<int:pk>/delete/", views.registry_delete_confirm, name="registry_delete"),
]
