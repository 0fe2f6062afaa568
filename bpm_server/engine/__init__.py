"""Runs BPMN on SpiffWorkflow's core, as a pure function of (definition, state, command, now).

The only package that imports SpiffWorkflow. No database, no clock, no network: what happened comes back as
events. See docs/adr/0001-engine-design.md for why SpiffWorkflow's own BPMN runtime is not used.
"""

from bpm_server.engine.advance import advance, start
from bpm_server.engine.compile import compile_process
from bpm_server.engine.decisions import decide, explain
from bpm_server.engine.definition import Definition
from bpm_server.engine.expectation import needed
from bpm_server.engine.going import is_alone
from bpm_server.engine.instance import Instance
from bpm_server.engine.migration import check_mapping, migrate, obstacles, same_ids
from bpm_server.engine.migration_checks import Hindrance, Obstacle
from bpm_server.engine.modification import why_not_activated
from bpm_server.engine.outcome import ChunkNeeded, Context, Limits, Outcome
from bpm_server.engine.spine import Concern, concerns, copy_of
from bpm_server.engine.state import Stored, load

__all__ = [
    "ChunkNeeded",
    "Concern",
    "Context",
    "Definition",
    "Hindrance",
    "Instance",
    "Limits",
    "Obstacle",
    "Outcome",
    "Stored",
    "advance",
    "check_mapping",
    "compile_process",
    "concerns",
    "copy_of",
    "decide",
    "explain",
    "is_alone",
    "load",
    "migrate",
    "needed",
    "obstacles",
    "same_ids",
    "start",
    "why_not_activated",
]
