"""The files of this checkout, read once: what git tracks or would track."""

import ast
import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path

from host_tools.flash.edits import nodes_of

CHECKOUT = Path(__file__).resolve().parents[2]


@functools.cache
def names() -> tuple[str, ...]:
    """Every file's path inside the checkout; ignored files and links out of it are none of ours."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        check=True,
    ).stdout
    found = sorted({name for name in listed.decode().split("\0") if name and (CHECKOUT / name).is_file()})
    assert "pyproject.toml" in found, "git lists no files here"
    return tuple(found)


@functools.cache
def data(name: str) -> bytes:
    """A file's bytes."""
    return (CHECKOUT / name).read_bytes()


def python_files(*under: str) -> Iterator[tuple[str, str]]:
    """(path, text) of the Python files, of all or of those under these prefixes."""
    for name in names():
        if name.endswith(".py") and name.startswith(under or ("",)):
            yield name, data(name).decode()


@functools.lru_cache(maxsize=1024)
def tree(name: str, text: str) -> ast.Module:
    """The syntax tree of a text."""
    return ast.parse(text, name)


@functools.lru_cache(maxsize=2048)
def nodes(name: str, text: str) -> dict[type[ast.AST], list[ast.AST]]:
    """The nodes of a text by their type, each walked to once for all rules."""
    found: dict[type[ast.AST], list[ast.AST]] = {}
    for node in nodes_of(tree(name, text)):
        found.setdefault(type(node), []).append(node)
    return found


def of_types(name: str, text: str, *types: type[ast.AST]) -> list[ast.AST]:
    """The nodes of some types, those of each type in the order of the text."""
    known = nodes(name, text)
    return [node for one in types for node in known.get(one, [])]
