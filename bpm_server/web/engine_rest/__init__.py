"""Camunda 7's REST API (``/engine-rest``), as much of it as Camunda Modeler, external workers and task lists use."""
