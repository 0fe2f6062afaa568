"""bpm-server: processes, forms, connectors and rules are what a business changes; this package runs them."""

__version__ = "0.1.0"
