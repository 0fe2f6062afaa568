"""Runs what waits: embedded as a thread, in production as Celery tasks. Each task is one service call."""
