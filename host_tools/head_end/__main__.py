"""`python -m host_tools.head_end`: the command line of the head-end. Bad input: one sentence on stderr, exit status 2."""

import sys

from host_tools.head_end.cli import main

if __name__ == "__main__":
    sys.exit(main())
