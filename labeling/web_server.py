"""How gunicorn serves the application: `gunicorn --config python:labeling.web_server`.

The start command adds its socket; a team's server sets `WEB_CONCURRENCY`, `LABELING_HOST` and
`LABELING_PORT`.
"""

from .environment import read_environment

_environment = read_environment()

wsgi_app = "labeling.wsgi:application"
worker_class = "labeling.web_worker.JsonErrorWorker"
bind = [f"{_environment['LABELING_HOST']}:{_environment['LABELING_PORT']}"]
threads = _environment["LABELING_THREADS"]
# The most; a filter in the address can be long.
limit_request_line = 8190
timeout = 120
graceful_timeout = 10
keepalive = 5
# Nothing of ours exists before it forks.
preload_app = False
if _environment["LABELING_LOG"] == "json":
    _handler = {"class": "logging.StreamHandler", "formatter": "json"}
    _logger = {"level": "INFO", "handlers": ["json"], "propagate": False}
    logconfig_dict = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "projects.logs.JsonFormatter"}},
        "handlers": {"json": _handler},
        "root": {"level": "INFO", "handlers": ["json"]},
        "loggers": {"gunicorn.error": _logger},
    }
