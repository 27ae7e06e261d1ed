"""`python -m host_tools.bus`."""

import os
import sys


def _leave(status: int) -> None:
    """End with this status, also when the terminal has hung up and takes no last words."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    try:
        from host_tools.bus.cli import main

        _leave(main())
    except KeyboardInterrupt:  # while the modules were loaded
        sys.exit(130)
