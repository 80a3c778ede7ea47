"""The order of next batches that a person chose last in a project.

It lies in the session: a habit of this person, not a setting of the project.
"""

from __future__ import annotations

from django.http import HttpRequest

from ..models import Project
from ..services.first import Order

_KEY = "next_batch_orders"


def remember_order(request: HttpRequest, project: Project, order: Order) -> None:
    chosen = request.session.get(_KEY, {})
    if chosen.get(str(project.pk), Order.MIXED) != order:
        request.session[_KEY] = {**chosen, str(project.pk): order.value}


def remembered_order(request: HttpRequest, project: Project) -> Order:
    return Order(request.session.get(_KEY, {}).get(str(project.pk), Order.MIXED))
