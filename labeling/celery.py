"""The Celery application. A message only says "look": the rows are the queue."""

import os
import threading
from typing import Any

import redis
from celery import Celery, bootsteps
from redis.backoff import NoBackoff
from redis.retry import Retry

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


class NoticeLostBroker(bootsteps.StartStopStep):
    """Has the worker connect anew after Redis was away, whether it noticed or not.

    A connection that breaks while a message is acknowledged is lost without a word: Celery logs
    "Couldn't ack", and its loop then waits for ever at no socket at all, looking alive. So a thread
    asks Redis on a connection of its own, and raises in the loop what should have been raised.
    """

    requires = {"celery.worker.components:Hub"}
    SECONDS = 5.0

    def start(self, worker: Any) -> None:
        self.stopping = threading.Event()
        if worker.use_eventloop and worker.app.connection_for_read().transport_cls == "redis":
            threading.Thread(target=self._watch, args=[worker], daemon=True).start()

    def stop(self, worker: Any) -> None:  # noqa: ARG002
        self.stopping.set()

    terminate = stop

    def _watch(self, worker: Any) -> None:
        url = worker.app.conf.broker_read_url or worker.app.conf.broker_url
        # Not tried twice: a connection that broke in between is what it looks for.
        never = Retry(NoBackoff(), 0)
        pool = redis.ConnectionPool.from_url(url, socket_timeout=self.SECONDS, retry=never)
        connection, was_away = pool.make_connection(), False
        while not self.stopping.wait(self.SECONDS):
            try:
                connection.send_command("PING")
                connection.read_response()
            except (redis.RedisError, OSError):
                connection.disconnect()
                was_away = True
            else:
                if was_away:
                    worker.hub.call_soon(_raise_lost)
                was_away = False


def _raise_lost() -> None:
    raise ConnectionResetError("the broker was away")


app.steps["worker"].add(EndWithPool)
app.steps["worker"].add(NoticeLostBroker)
