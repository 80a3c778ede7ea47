"""Django settings. Everything that can be chosen comes from `environment.VARIABLES`."""

from __future__ import annotations

import logging
import os
import secrets
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from csp.constants import NONE, SELF
from django.contrib.messages import constants as message_levels

from .environment import BadEnvironment, read_environment

BASE_DIR = Path(__file__).resolve().parent.parent

try:
    ENVIRONMENT = read_environment()
except BadEnvironment as problem:
    sys.exit(f"Cannot start: {problem}")

# Read by prometheus_client itself, when it is imported.
if ENVIRONMENT["PROMETHEUS_MULTIPROC_DIR"]:
    ENVIRONMENT["PROMETHEUS_MULTIPROC_DIR"].mkdir(parents=True, exist_ok=True)

DATA_FOLDER: Path = ENVIRONMENT["LABELING_DATA"]
LABELING_INDEX: str = ENVIRONMENT["LABELING_INDEX"]
try:
    DATA_FOLDER.mkdir(parents=True, exist_ok=True)
except OSError as problem:
    sys.exit(
        f"Cannot start: the data folder {DATA_FOLDER} cannot be made ({problem.strerror}). "
        "Set LABELING_DATA to a folder you may write to."
    )
if not os.access(DATA_FOLDER, os.W_OK | os.X_OK):
    sys.exit(
        f"Cannot start: the data folder {DATA_FOLDER} is not writable. "
        "Set LABELING_DATA to a folder you may write to."
    )


def _secret_key() -> str:
    """Return the key from the environment, else the one kept in the data folder, made once."""
    if ENVIRONMENT["SECRET_KEY"]:
        return str(ENVIRONMENT["SECRET_KEY"])
    path = DATA_FOLDER / "secret.key"
    try:
        # O_EXCL: web server and worker start together, and only one of them may make the key.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(64))
    except FileExistsError:
        pass
    return path.read_text()


# Built once at set-up from the weights in the environment's packages, so it lives and dies with the
# environment: another data folder needs no second build.
ENCODER_FOLDER = Path(sys.prefix) / "share" / "labeling" / "encoders"

SECRET_KEY = _secret_key()
DEBUG = ENVIRONMENT["LABELING_DEBUG"]
ALLOWED_HOSTS = [*ENVIRONMENT["ALLOWED_HOSTS"], ENVIRONMENT["LABELING_HOST"]]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "projects",
]

MIDDLEWARE = [
    "projects.middleware.requests.RequestMiddleware",
    "projects.middleware.probes.ProbeMiddleware",
    # Around all others, so that their errors are JSON under /api too.
    "projects.api.middleware.ApiMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "projects.middleware.outages.OutageMiddleware",
    "projects.middleware.refusals.RefusalMiddleware",
]

ROOT_URLCONF = "labeling.urls"
WSGI_APPLICATION = "labeling.wsgi.application"

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
                "projects.context.page",
            ],
        },
    },
]

DATABASES = {
    "default": dj_database_url.parse(
        ENVIRONMENT["DATABASE_URL"] or f"sqlite:///{DATA_FOLDER / 'labeling.sqlite3'}"
    )
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        # Without IMMEDIATE, 18 to 27 % of requests failed with "database is locked" under 8 to 24
        # clients: a transaction that begins with a read cannot wait for its turn to write.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
    # Threads of the test server share the tests' database only when it is a file.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_FOLDER / "test.sqlite3")}
else:
    # Making a connection costs more than most requests; a dead one is noticed before it is used.
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
if DATABASES["default"]["ENGINE"].endswith("postgresql"):
    # A host that drops packets is away, too; left alone, a request would wait minutes to learn it.
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)


def _media_storage() -> dict[str, Any]:
    """Photos lie in the data folder, or in a bucket whose address is `s3://bucket/folder`."""
    if not ENVIRONMENT["LABELING_MEDIA"]:
        return {
            "BACKEND": "projects.storage.DurableFileSystemStorage",
            "OPTIONS": {"location": DATA_FOLDER / "media", "base_url": None},
        }
    address = urlsplit(ENVIRONMENT["LABELING_MEDIA"])
    return {
        "BACKEND": "projects.bucket.BucketStorage",
        "OPTIONS": {
            "bucket_name": address.netloc,
            "location": address.path.strip("/"),
            "endpoint_url": ENVIRONMENT["LABELING_S3_ENDPOINT"] or None,
            "region_name": ENVIRONMENT["LABELING_S3_REGION"] or None,
        },
    }


STORAGES = {
    "default": _media_storage(),
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Served straight from static/ by WhiteNoise: no collectstatic on a laptop.
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 0 if DEBUG else 60

LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "projects"
LOGOUT_REDIRECT_URL = "sign-in"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENVIRONMENT["LABELING_HTTPS"]
# One cookie jar serves every port of 127.0.0.1: another application there must not sign us out.
SESSION_COOKIE_NAME = "labeling_session"
CSRF_COOKIE_NAME = "labeling_csrf"
CSRF_FAILURE_VIEW = "projects.middleware.refusals.refuse_forged"
SECURE_SSL_REDIRECT = ENVIRONMENT["LABELING_HTTPS"]
SECURE_HSTS_SECONDS = 31_536_000 if ENVIRONMENT["LABELING_HTTPS"] else 0
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if ENVIRONMENT["LABELING_HTTPS"] else None
)
# Whether HTTPS holds for all subdomains, and for good, is for the owner of the domain to say.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "blob:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

REST_FRAMEWORK = {
    "EXCEPTION_HANDLER": "projects.api.errors.answer_to",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    # ?format= belongs to the views.
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Alike: label images by similarity",
    "DESCRIPTION": "Labels for images, from the labeled images they look like. Calls under "
    "*Compatible* take and give what clients of SentiSight.ai's similarity calls know; the others "
    "are for scripts that do more. Send a token in `X-Auth-token`.",
    "VERSION": "1",
    "OAS_VERSION": "3.0.3",
    "SCHEMA_PATH_PREFIX": "/api",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": False,
    "PREPROCESSING_HOOKS": ["projects.api.schema.hooks.without_aliases"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "projects.api.schema.hooks.with_refusals",
    ],
    "AUTHENTICATION_WHITELIST": ["projects.api.authentication.TokenAuthentication"],
    "ENUM_NAME_OVERRIDES": {
        "UploadState": "projects.models.uploads.Upload.State",
        "JobState": "projects.models.jobs.Job.State",
        "ImageState": "projects.models.images.Image.State",
    },
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
MESSAGE_TAGS = {message_levels.ERROR: "error"}

# Uploads arrive many files a request; each is bounded by ENVIRONMENT["LABELING_MAX_FILE_MB"]. As
# many as the API takes for one request of suggestions.
DATA_UPLOAD_MAX_MEMORY_SIZE = 20 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FILES = 1000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
# On the same disk as the photos, so that storing one is a rename.
FILE_UPLOAD_TEMP_DIR = DATA_FOLDER / "incoming"
FILE_UPLOAD_TEMP_DIR.mkdir(exist_ok=True)

CELERY_BROKER_URL = ENVIRONMENT["CELERY_BROKER_URL"] or "filesystem://localhost"
if CELERY_BROKER_URL.startswith("filesystem"):
    _queue = DATA_FOLDER / "queue"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_queue),
        "data_folder_out": str(_queue),
        "control_folder": str(_queue / "control"),
        "store_processed": False,
        # Seconds between two looks into the folder: what a person waits for at most.
        "polling_interval": 0.25,
    }
    for _folder in (_queue, _queue / "control"):
        _folder.mkdir(exist_ok=True)
else:
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        # What an unplugged worker had taken is given to another one after that. Above the longest
        # task whatever it will be: the rows are the queue, so what is lost the sweep finds within
        # a minute, and a message that comes again while its task runs is only work.
        "visibility_timeout": 7200,
        # A server that drops packets is away as much as one that refuses them.
        "socket_connect_timeout": 5,
        "socket_timeout": 30,
        "socket_keepalive": True,
        "health_check_interval": 25,
    }
# A request hardly waits for a broker that is away: its rows are written, the sweep finds them.
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0.2}
# A worker waits for its broker as long as it takes: nobody has to start it again.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
# SIGTERM waits for the chunk at hand; SIGQUIT, or a second one, waits so many seconds for it.
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 30.0
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# Nobody steers workers by messages; each would only add queues and files of its own.
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = TIME_ZONE
# A lost message costs at most a minute: the sweep queues what is pending and has no lease.
CELERY_BEAT_SCHEDULE = {"sweep": {"task": "projects.tasks.sweep", "schedule": 60.0}}
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_FOLDER / "celerybeat-schedule")

if ENVIRONMENT["LABELING_LOG"] == "json":
    # Below an error, the line of each request says the same and more.
    _quieter = {"django.request": {"level": "ERROR"}}
    # Python's warnings become lines like all others.
    logging.captureWarnings(True)
else:
    # A line for each thumbnail would hide what a person looks for.
    _each = ("projects.middleware.requests", "projects.task_records")
    _quieter = {name: {"level": "WARNING"} for name in _each}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {
            "()": "projects.logs.TextFormatter",
            "format": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        },
        "json": {"()": "projects.logs.JsonFormatter"},
    },
    "filters": {"discreet": {"()": "projects.logs.Discreet"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": ENVIRONMENT["LABELING_LOG"],
            "filters": ["discreet"],
        }
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "celery": {"level": "WARNING"},
        "kombu": {"level": "WARNING"},
        # What it says of a broken photo is told to the person who uploaded it.
        "PIL": {"level": "CRITICAL"},
        **_quieter,
    },
}
