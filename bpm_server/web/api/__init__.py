"""The REST API: ``/v2`` as Camunda 8 has it, ``/api`` for what only we have. Files are named for their noun."""
