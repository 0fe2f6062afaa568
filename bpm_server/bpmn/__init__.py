"""BPMN files as checked, plain models: ``read(data, name=...)`` gives a ``Diagram``.

Camunda 7 and Camunda 8 files become the same settings; who wrote a file is not the engine's business.
"""

from bpm_server.bpmn.model import Diagram, Flow, Node, NodeType, Process
from bpm_server.bpmn.reader import read

__all__ = ["Diagram", "Flow", "Node", "NodeType", "Process", "read"]
