"""Alembic migrations. Models and migrations must agree (tests/migration)."""
