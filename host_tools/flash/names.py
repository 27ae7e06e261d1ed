"""The names of the application in the runtime image: what the interpreter finds in flash it does not keep in the heap.

usage: python -m host_tools.flash.names        writes board_configs/qemu_mps2/port/names.txt anew

Each name that a .mpy file brings (of a function, an attribute, a module) costs the heap seven bytes and half a table beside, 36 KB
for the whole application, unless the runtime image was built with it. The list is only a dictionary: an application with other
names runs as well, and pays for those that are not in it. So it is written anew when many are missing, not for each change.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from host_tools.flash.application import make_application
from host_tools.set_up import paths

BOARD = "qemu_mps2"
PLACE = Path("board_configs", BOARD, "port", "names.txt")
LINE_CHARS_MAX = 118
HEAD_BYTES = 4
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./]*")


def names_of(mpy: bytes) -> set[str]:
    """The names that one .mpy file brings; not those that it takes from every interpreter."""
    at = HEAD_BYTES
    count, at = number(mpy, at)
    _, at = number(mpy, at)
    found = set()
    for _ in range(count):
        length, at = number(mpy, at)
        if not length & 1:
            found.add(mpy[at : at + (length >> 1)].decode())
            at += (length >> 1) + 1
    return found


def number(data: bytes, at: int) -> tuple[int, int]:
    """A number at `at` of a .mpy file, seven bits a byte, the highest first -> (it, where it ends)."""
    value = 0
    while True:
        byte = data[at]
        at += 1
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            return value, at


def names_of_application(program: dict[str, bytes]) -> set[str]:
    """All names of the compiled files, and those under which they are imported."""
    files = [path.removesuffix(".mpy") for path in program if path.endswith(".mpy")]
    modules = {file.removesuffix("/__init__").replace("/", ".") for file in files}
    return modules.union(*(names_of(program[f"{file}.mpy"]) for file in files))


def listed(text: str) -> set[str]:
    """The names that a list holds."""
    return set(text.split())


def list_text(names: Iterable[str]) -> str:
    """Names and paths only, sorted, many a line: other short texts may hold what the build would stumble over."""
    lines = [""]
    for name in sorted(filter(PLAIN.fullmatch, names)):
        if lines[-1] and len(lines[-1]) + len(name) >= LINE_CHARS_MAX:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + name
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the list for the application as it is."""
    program = make_application(BOARD, description="names").program
    place = paths.checkout() / PLACE
    place.write_text(list_text(names_of_application(program)))
    print(f"{PLACE}: {len(listed(place.read_text()))} names; `make setup` builds the runtime image with them")


if __name__ == "__main__":
    main()
