"""``python -m bpm_server`` is the same as ``bpm-server``."""

import sys

from bpm_server.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
