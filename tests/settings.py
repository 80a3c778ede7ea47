"""The application's settings, in a data folder of the tests' own.

pytest-django loads settings before any conftest, so the folder is chosen here and not there.
LABELING_TEST_DATABASE=postgresql runs the tests on a PostgreSQL that is started for them.
"""

import atexit
import os
import shutil
import tempfile

from labeling.environment import VARIABLES

from .postgresql import postgresql

# A developer's own settings must not change what a test sees.
for _variable in VARIABLES:
    os.environ.pop(_variable.name, None)
_folder = tempfile.mkdtemp(prefix="labeling-tests-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
os.environ["LABELING_DATA"] = _folder
if os.environ.get("LABELING_TEST_DATABASE") == "postgresql":
    os.environ["DATABASE_URL"] = postgresql().url()

from labeling.settings import *  # noqa: E402, F403
from labeling.settings import DATABASES  # noqa: E402

# Tests may lose their database in a power cut; without this every commit waits for the disk.
if "init_command" in DATABASES["default"].get("OPTIONS", {}):
    DATABASES["default"]["OPTIONS"]["init_command"] = (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
    )
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# A queued task goes nowhere: a test that wants the worker's part calls the task or its service.
CELERY_BROKER_URL = "memory://"
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, str] = {}
