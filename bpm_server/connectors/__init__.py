"""Calls to the outside world: the contract, the registry, HTTP with a guard, secrets."""
