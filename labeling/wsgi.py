"""The WSGI application that gunicorn serves."""

import os

# Before NumPy is imported: a second BLAS thread made a search on a busy two-core machine
# 150 times slower (0.08 ms became 12 ms).
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "labeling.settings")

from django.core.wsgi import get_wsgi_application  # noqa: E402

application = get_wsgi_application()
