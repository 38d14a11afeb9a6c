"""All addresses of the portal. Only scans, integrations, accounts and Django's own admin answer."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from config.styleguide import StyleguideView

urlpatterns = [
    path("", include("accounts.urls")),
    path("", include("integrations.urls")),
    path("", include("scans.urls")),
    path("favicon.ico", RedirectView.as_view(url=f"{settings.STATIC_URL}favicon.svg", permanent=False)),
    path("operators/", admin.site.urls),
]
if settings.DEBUG:
    urlpatterns.append(path("styleguide/", StyleguideView.as_view()))
