"""Databases that earlier releases wrote, kept as rows, to be finished by this one."""
