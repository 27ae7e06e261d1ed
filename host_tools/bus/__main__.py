"""`python -m host_tools.bus`."""

import sys

from host_tools.bus.cli import main

if __name__ == "__main__":
    sys.exit(main())
