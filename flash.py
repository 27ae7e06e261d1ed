"""python flash.py list | build | flash | verify | erase | backup | restore | run: see `python flash.py --help`."""

import os
import sys
from pathlib import Path

ENVIRONMENT = Path(__file__).resolve().parent / ".venv"


def start() -> int:
    """Run the command; under the pinned environment when another Python was typed."""
    if Path(sys.prefix).resolve() != ENVIRONMENT.resolve():
        python = ENVIRONMENT / "bin" / "python"
        if not python.is_file():
            print("flash.py: not set up yet: run `make setup` first", file=sys.stderr)
            return 2
        os.execv(python, [str(python), __file__, *sys.argv[1:]])
    from host_tools.flash.cli import main

    return main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(start())
