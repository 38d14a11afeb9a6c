"""The portal's own settings with what tests need: their own data folder, plain HTTP, fast password hashing."""

import os
from pathlib import Path

os.environ.setdefault("PORTWARDEN_DATA_DIR", str(Path(__file__).resolve().parent.parent / ".data" / "test"))
os.environ.setdefault("INSECURE_HTTP", "true")
os.environ.setdefault("LOG_LEVEL", "WARNING")
os.environ.setdefault("EGRESS_ALLOW", "127.0.0.1,localhost")

from config.settings import *  # noqa: F403
from config.settings import DATA_DIR, STORAGES

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
STATIC_ROOT = str(DATA_DIR / "static")
Path(STATIC_ROOT).mkdir(parents=True, exist_ok=True)
WHITENOISE_USE_FINDERS = True
