"""The Celery application. A message only says "look": the rows are the queue."""

import os
import threading
from typing import Any

from celery import Celery, bootsteps

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "labeling.settings")

app = Celery("labeling")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


class EndWithPool(bootsteps.StartStopStep):
    """Ends the worker when a process of its pool was killed, so that it is started afresh.

    Over brokers without an event loop, such as ours in the data folder, the pool's processes share
    one pipe and a lock on it. One that is killed while it waits for work (out of memory, kill -9)
    takes the lock along: no other gets a task ever again, and nothing says so.
    """

    requires = {"celery.worker.components:Pool"}
    SECONDS = 2.0

    def start(self, worker: Any) -> None:
        self.stopping = threading.Event()
        if not worker.use_eventloop and hasattr(worker.pool, "_pool"):
            watch = threading.Thread(target=self._watch, args=[worker.pool], daemon=True)
            watch.start()

    def stop(self, worker: Any) -> None:  # noqa: ARG002
        self.stopping.set()

    terminate = stop

    def _watch(self, pool: Any) -> None:
        processes = set(pool.info["processes"])
        while not self.stopping.wait(self.SECONDS):
            if processes - set(pool.info["processes"]):
                os._exit(os.EX_TEMPFAIL)


app.steps["worker"].add(EndWithPool)
