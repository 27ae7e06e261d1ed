"""Which file a line of linked.py is of: a traceback of a board with one linked module, in the files that people know.

usage: python -m host_tools.flash.where BOARD < TRACEBACK        the same text with the right file and line
example: python -m host_tools.board logs --port /dev/ttyACM0 | python -m host_tools.flash.where qemu_mps2

The checkout must be the one that the board's application was built from: its image says so in build.json.
"""

import bisect
import re
import sys
from collections.abc import Sequence

from host_tools.flash.board_folder import find_board
from host_tools.flash.errors import FlashError
from host_tools.flash.linking import LINKED
from host_tools.flash.sources import python_sources
from host_tools.flash.texts import linked_lines
from host_tools.set_up import paths

WRONG = 2
PLACE = re.compile(rf'File "{re.escape(LINKED)}", line (\d+)')


def translated(text: str, lines: list[tuple[int, str]]) -> str:
    """Each place in linked.py as file and line; `lines` are [(first line, path)]."""
    starts = [first for first, _ in lines]

    def place(found: re.Match[str]) -> str:
        index = bisect.bisect(starts, int(found[1])) - 1
        if index < 0:
            return found[0]
        return f'File "{lines[index][1]}", line {int(found[1]) - starts[index] + 1}'

    return PLACE.sub(place, text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if len(given) != 1 or given[0].startswith("-"):
        print(__doc__, file=sys.stdout if given in (["-h"], ["--help"]) else sys.stderr)
        return 0 if given in (["-h"], ["--help"]) else WRONG
    try:
        board = find_board(given[0])
        lines = linked_lines(python_sources(board, paths.checkout(), paths.micropython_library()), board.roots)
    except FlashError as fault:
        print(fault, file=sys.stderr)
        return WRONG
    sys.stdout.writelines(translated(line, lines) for line in sys.stdin)
    return 0


if __name__ == "__main__":
    sys.exit(main())
