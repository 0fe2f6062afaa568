"""Random processes that end when everything in them is done.

A process is a tree of blocks; every block has one way in and one way out, so that what is drawn is sound. The
choices come from Hypothesis (``draw``), so that a failure shrinks to a small process and a short path.
"""

from tests.support.random_process.camunda7 import random_camunda7_process
from tests.support.random_process.process import random_process

__all__ = ["random_camunda7_process", "random_process"]
