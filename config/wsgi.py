"""The WSGI application that gunicorn serves."""

import logging
import os

from django.core.wsgi import get_wsgi_application

from config.redaction import HooksRedacted

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()
for name in ("gunicorn.access", "gunicorn.error"):
    logging.getLogger(name).addFilter(HooksRedacted())
