"""`manage.py start`: web server and worker together, and one link that signs the person in."""

from __future__ import annotations

import os
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from celery import current_app
from django.conf import settings
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db.utils import OperationalError as DatabaseProblem
from kombu.exceptions import OperationalError as BrokerProblem

from projects.errors import Refusal
from projects.processes import Child, Supervisor
from projects.services.local import forget_enter_token, local_user, make_enter_token
from projects.starting import (
    EVERYWHERE,
    answers,
    clear_leftovers,
    listen,
    manage_program,
    note_address,
    refuse_without_encoder,
    take_data_folder,
    url_of,
    web_program,
    worker_program,
)
from projects.system_checks import OURS

SECONDS_TO_FIRST_PAGE = 60.0


class Command(BaseCommand):
    help = "Start web server and worker, and print the link that signs you in. Ctrl-C stops both."
    # Checked by `make ci`; here they would only make the start slower.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--demo", action="store_true", help="load a project of real photos")

    def handle(self, *args: Any, demo: bool, **options: Any) -> None:
        try:
            self.start(demo=demo)
        except Refusal as refusal:
            raise CommandError(str(refusal)) from None

    def start(self, *, demo: bool) -> None:
        data = Path(settings.DATA_FOLDER)
        host = settings.ENVIRONMENT["LABELING_HOST"]
        port = settings.ENVIRONMENT["LABELING_PORT"]
        refuse_without_encoder(Path(settings.ENCODER_FOLDER))
        lock = take_data_folder(data)
        listener = listen(host, port)
        self.url = url_of(host, port)
        note_address(lock, self.url)
        prepare(data)
        try:
            with Supervisor(data / "log", self.say, keep_fds=(lock,)) as supervisor:
                web = supervisor.start(web_program(listener))
                # From here on the web server alone holds the port.
                listener.close()
                supervisor.start(worker_program(), forever=True)
                self.run(supervisor, web, demo=demo)
                self.say("Stopping …")
        finally:
            forget_enter_token()
            clear_leftovers(data)
            os.ftruncate(lock, 0)
        self.say("Stopped.")

    def run(self, supervisor: Supervisor, web: Child, *, demo: bool) -> None:
        """Tend to web server and worker until the person stops them."""
        self.wait_for_first_page(supervisor, web)
        if demo:
            self.load_demo(supervisor)
        if not supervisor.is_asked_to_stop:
            self.say(f"\nOpen this link to sign in: {self.url}/enter/{make_enter_token()}/\n")
            self.say(f"Everything is kept in {settings.DATA_FOLDER}. Ctrl-C stops.")
        if settings.ENVIRONMENT["LABELING_HOST"] in EVERYWHERE:
            self.say("Other machines reach it too, under the names in ALLOWED_HOSTS.")
        while not supervisor.is_asked_to_stop:
            supervisor.tend()
            refuse_without_web(web)
            time.sleep(0.2)

    def wait_for_first_page(self, supervisor: Supervisor, web: Child) -> None:
        deadline = time.monotonic() + SECONDS_TO_FIRST_PAGE
        while not supervisor.is_asked_to_stop and not answers(self.url):
            supervisor.tend()
            refuse_without_web(web)
            if time.monotonic() > deadline:
                raise Refusal(
                    f"The web server gives no page. What it said is in {web.log_path}.",
                    code="no_page",
                )
            time.sleep(0.1)

    def load_demo(self, supervisor: Supervisor) -> None:
        """Load the demo's photos. Without them (no network) the application starts all the same."""
        loader = supervisor.start(manage_program("demo", "load_demo"), quiet=False)
        while loader.is_running and not supervisor.is_asked_to_stop:
            supervisor.tend()
            time.sleep(0.1)

    def say(self, sentence: str) -> None:
        try:
            self.stdout.write(sentence)
            self.stdout.flush()
        except OSError:
            # The terminal is gone. Ending the children matters more, and so does exit code 0.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def prepare(data: Path) -> None:
    """Bring the database up to date, and see that the broker answers."""
    clear_leftovers(data)
    try:
        call_command("migrate", verbosity=0, interactive=False)
        refuse_problems()
        local_user()
        # The worker looks for what the last run left as soon as it is ready.
        with current_app.connection_for_write() as broker:
            broker.ensure_connection(max_retries=1)
    except DatabaseProblem as problem:
        raise Refusal(
            f"The database cannot be used ({problem}); see DATABASE_URL.", code="no_database"
        ) from None
    except BrokerProblem as problem:
        raise Refusal(
            f"The message broker does not answer ({problem}); see CELERY_BROKER_URL.",
            code="no_broker",
        ) from None


def refuse_problems() -> None:
    """Raise a `Refusal` with the first problem that our own checks find."""
    for problem in run_checks(tags=[OURS], databases=["default"]):
        raise Refusal(f"{problem.msg} {problem.hint}", code="bad_set_up")


def refuse_without_web(web: Child) -> None:
    """Raise a `Refusal` when the web server has ended: there is nothing left to look at."""
    if not web.is_running:
        raise Refusal(
            f"The web server ended unexpectedly (exit code {web.process.returncode}). "
            f"What it said is in {web.log_path}.",
            code="web_server_ended",
        )
