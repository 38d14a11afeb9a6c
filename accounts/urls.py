"""The addresses of accounts."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from accounts import administration, views

app_name = "accounts"
urlpatterns = [
    path("setup/", views.setup, name="setup"),
    path("login/", views.Login.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("password/<uidb64>/<token>/", views.PasswordSet.as_view(), name="password_set"),
    path("profile/", views.profile, name="profile"),
    path("profile/password/", views.profile_password, name="profile_password"),
    path("profile/sessions/end/", views.profile_sessions_end, name="profile_sessions_end"),
    path("administration/users/", administration.user_list, name="user_list"),
    path("administration/users/new/", administration.user_create, name="user_create"),
    path("administration/users/<int:pk>/", administration.user_edit, name="user_edit"),
    path("administration/users/<int:pk>/link/", administration.user_link, name="user_link"),
    path("administration/users/<int:pk>/activate/", administration.user_activate, name="user_activate"),
    path("administration/users/<int:pk>/deactivate/", administration.user_deactivate, name="user_deactivate"),
    path("administration/audit/", administration.audit_list, name="audit_list"),
]
