"""The ASGI application, for those who must; gunicorn with threads was measured twice as fast."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "labeling.settings")

from django.core.asgi import get_asgi_application

application = get_asgi_application()
