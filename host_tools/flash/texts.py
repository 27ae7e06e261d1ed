"""The texts that are compiled: the application's files, constants folded over all of them, and linked for a board with little heap.

It needs Python alone: the set-up of the RP2040, whose application is part of the runtime image, has no other packages yet.
"""

from pathlib import Path

from host_tools.flash.errors import FlashError
from host_tools.flash.folding import fold_constants
from host_tools.flash.linking import Linked, link


def compiled_texts(sources: dict[str, Path], roots: tuple[str, ...] = ()) -> dict[str, bytes]:
    """{path in the image: file} -> the texts that are compiled. FlashError names a file that is no Python."""
    return _linked(sources, roots).sources


def linked_lines(sources: dict[str, Path], roots: tuple[str, ...]) -> list[tuple[int, str]]:
    """[(first line in linked.py, path)] of the files that are linked there."""
    return _linked(sources, roots).lines


def _linked(sources: dict[str, Path], roots: tuple[str, ...]) -> Linked:
    try:
        folded = fold_constants({name: path.read_bytes() for name, path in sources.items()})
        return link(folded, roots) if roots else Linked(folded, [], [])
    except (SyntaxError, ValueError) as fault:
        raise FlashError(f"{getattr(fault, 'filename', None) or 'a source'} does not compile: {fault}") from fault
