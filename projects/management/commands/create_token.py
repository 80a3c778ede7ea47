"""`manage.py create_token NAME --scope write`: a token for a script; its last line is the token."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from projects.errors import Refusal
from projects.models import Project, Scope
from projects.services.local import local_user
from projects.services.tokens import create_token


class Command(BaseCommand):
    help = "Make a token for scripts. It is printed alone on the last line, and never again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what the token is for")
        parser.add_argument("--scope", choices=Scope.values, default=Scope.READ.value)
        parser.add_argument("--project", type=int, metavar="ID", help="the only project it reaches")
        parser.add_argument("--user", metavar="NAME", help="whose token; yours if left out")
        parser.add_argument("--days", type=int, help="how long it lasts; for good if left out")

    def handle(self, *args: Any, **options: Any) -> None:
        user = _user(options["user"])
        try:
            token, secret = create_token(
                user,
                name=options["name"],
                scope=options["scope"],
                project=_project(user, options["project"]),
                days=options["days"],
            )
        except Refusal as refusal:
            raise CommandError(str(refusal)) from None
        until = f"until {token.expires_at:%Y-%m-%d}" if token.expires_at else "for good"
        where = f"project {token.project_id}" if token.project_id else "all projects"
        self.stderr.write(f"{token.name}: {token.scope}, {where} of {user.username}, {until}.")
        self.stdout.write(secret)


def _user(name: str | None) -> User:
    if name is None:
        return local_user()
    user = User.objects.filter(username=name, is_active=True).first()
    if user is None:
        raise CommandError(f"There is no user {name}.")
    return user


def _project(user: User, pk: int | None) -> Project | None:
    if pk is None:
        return None
    project = Project.objects.visible_to(user).filter(pk=pk).first()
    if project is None:
        raise CommandError(f"{user.username} has no project {pk}.")
    return project
