"""Approval nodes: several people decide about one thing, by a policy; one user task, one outcome.

``policy`` is what a designer sets, ``items`` are the people asked, ``voting`` counts, ``node`` is what they may do.
"""
