"""Wiring only: settings, urls, Celery, WSGI. No models, views or logic."""

from .celery import app as celery_app

__all__ = ["celery_app"]
