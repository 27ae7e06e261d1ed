"""Constants folded over modules: what is folded, what must stay, and that the whole firmware still means the same.

That the firmware still does the same is shown by test_linking.py, which runs the tests of all rooms folded and linked.
"""

import ast

import pytest

from host_tools.flash.board_folder import board_names, find_board
from host_tools.flash.edits import nodes_of
from host_tools.flash.folding import fold_constants
from host_tools.flash.sources import python_sources
from host_tools.flash.texts import compiled_texts
from host_tools.set_up import paths

A = b"""from port import const
ONE = const(1)
_TWO = const(ONE + 1)
MINUS = const(-_TWO)
BIG = const(1 << 31)
PLAIN = 7
NEVER = const(5)


def f(x):
    return x + ONE
"""


def folded(**modules: str) -> dict[str, str]:
    """Of modules a (above), port and these; those whose text changed."""
    sources = {"a.py": A, "port.py": b"def const(value):\n    return value\n"}
    sources |= {f"{name}.py": text.encode() for name, text in modules.items()}
    out = fold_constants(sources)
    assert list(out) == list(sources)
    for name, text in out.items():
        assert text.count(b"\n") == sources[name].count(b"\n"), f"{name}: every line keeps its place"
        ast.parse(text)
    return {name.removesuffix(".py"): text.decode() for name, text in out.items() if text != sources[name]}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("from a import ONE\nx = [ONE, -ONE]\n", "pass\nx = [1, -1]\n"),
        ("from a import ONE, f\nx = f(ONE)\n", "from a import f\nx = f(1)\n"),
        ("from a import ONE as uno\nx = uno\n", "pass\nx = 1\n"),
        ("import a\nx = a.ONE\n", None),
        ("from a import MINUS\nx = 3 -MINUS\n", "pass\nx = 3 -(-2)\n"),
        ("from a import (\n    ONE,\n    f,\n)\nx = f(ONE)\n", "from a import f\n\n\n\nx = f(1)\n"),
        ("from a import BIG, PLAIN\nx = (BIG, PLAIN)\n", None),
        ("from a import ONE\n_ALSO = ONE + 1\nx = _ALSO\n", "pass\npass\nx = 2\n"),
        ("from a import ONE\nAGAIN = ONE\nx = AGAIN\n", "pass\nAGAIN = 1\nx = AGAIN\n"),
        ("from a import ONE\ndef g(ONE):\n    return ONE\n", None),
        ("from a import ONE\nx = f'{ONE}'\n", None),
        ("def g():\n    from a import ONE\n    return ONE\n", None),
        ("try:\n    from a import ONE\nexcept ImportError:\n    ONE = 2\nx = ONE\n", None),
        ("from b import SECOND_HAND\nx = SECOND_HAND\n", "pass\nx = 1\n"),
        ("from a import ONE\nx = 'ä', ONE\n", "pass\nx = 'ä', 1\n"),
    ],
)
def test_a_use_becomes_its_number_or_stays(text, wanted):
    got = folded(c=text, b="from a import ONE as SECOND_HAND\n")
    assert got.get("c") == wanted


def test_a_definition_goes_when_nobody_asks_for_it():
    got = folded(c="from a import ONE\nx = ONE\n")["a"]
    assert "ONE" not in got.replace("_TWO", "") and "NEVER" not in got and "BIG = const(1 << 31)" in got and "PLAIN = 7" in got
    assert "return x + 1" in got


@pytest.mark.parametrize(
    "text",
    [
        "import a\nx = a.ONE\n", "def g():\n    from a import ONE\n    return ONE\n", "from p import a\nx = getattr(a, 'ONE')\n",
        "from a import ONE\nONE = 2\n", "from a import ONE\nx = f'{ONE}'\n", "try:\n    import a\nexcept ImportError:\n    pass\n",
    ],
)  # fmt: skip
def test_a_definition_stays_for_who_may_still_ask(text):
    sources = {"a.py": A, "c.py": text.replace("from p import a", "import a").encode()}
    assert b"ONE = const(1)" in fold_constants(sources)["a.py"]


def test_a_module_by_its_alias():
    sources = {"p/__init__.py": b"", "p/a.py": A, "c.py": b"from p import a as names\nx = (names.ONE, names.f(names.MINUS))\n"}
    out = fold_constants(sources)
    assert out["c.py"] == b"from p import a as names\nx = (1, names.f((-2)))\n"
    assert b"ONE" not in out["p/a.py"].replace(b"_TWO", b"")


@pytest.mark.parametrize("name", board_names(paths.checkout() / "board_configs"))
def test_the_firmware_has_no_use_left_without_its_definition(name):
    board = find_board(name)
    texts = compiled_texts(python_sources(board, paths.checkout(), paths.micropython_library()))
    nodes = {path: nodes_of(ast.parse(text)) for path, text in texts.items()}
    defined = {path: _names(there) for path, there in nodes.items()}
    for path, there in nodes.items():
        for statement in there:
            if isinstance(statement, ast.ImportFrom) and not statement.level:
                origin = f"{(statement.module or '').replace('.', '/')}.py"
                missing = [alias.name for alias in statement.names if origin in texts and alias.name not in defined[origin]]
                assert not missing, f"{path} imports {missing}"


def _names(nodes: list[ast.AST]) -> set[str]:
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add(node.asname or node.name)
    return found
