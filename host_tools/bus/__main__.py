"""`python -m host_tools.bus`."""

import sys

if __name__ == "__main__":
    try:
        from host_tools.bus.cli import main

        sys.exit(main())
    except KeyboardInterrupt:  # while the modules were loaded
        sys.exit(130)
