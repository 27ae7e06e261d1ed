"""Many modules made one: every name keeps its meaning, lines are found again, what cannot be followed stays a module.

The proof for the firmware is its own tests: all rooms are linked together and their tests run again.
"""

import ast
import os
import subprocess
import sys

import pytest

from host_tools.flash import where
from host_tools.flash.board_folder import board_names, find_board
from host_tools.flash.linking import LINKED, link
from host_tools.flash.sources import python_sources
from host_tools.flash.texts import compiled_texts, linked_lines
from host_tools.set_up import paths

ROOMS_S = 600
LONG = ("deaf_meters", "freezes", "conditions", "care", "settlements", "tariffs")  # half of the time; tests/boards plays them
TOP = "firmware/main.py"
ONE = "LIMIT = [1]\n\n\ndef _help(x):\n    return x + LIMIT[0]\n\n\ndef add(x):\n    return _help(x)\n\n\nclass Thing:\n    size = 3\n"
TWO = "from firmware import one\nfrom firmware.one import Thing, add as plus\nLIMIT = [10]\n"
TWO += "\n\ndef _help(add):\n    return one.add(add) + LIMIT[0]\n"


def linked(main: str, **modules: str) -> tuple[dict[str, object], dict[str, str]]:
    """What main's names are when it was run, and the texts."""
    sources = {"firmware/__init__.py": "", TOP: main} | {f"firmware/{name}.py": text for name, text in modules.items()}
    made = link({path: text.encode() for path, text in sources.items()}, (TOP,))
    texts = {path: text.decode() for path, text in made.sources.items()}
    return _run(texts), texts


def _run(texts: dict[str, str]) -> dict[str, object]:
    """main.py run with these modules and no others of that name."""
    kept = {name: sys.modules.pop(name) for name in list(sys.modules) if name == "firmware" or name.startswith("firmware.")}
    finder = _Finder(texts)
    sys.meta_path.insert(0, finder)
    try:
        names: dict[str, object] = {}
        exec(texts[TOP], names)
        return names
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name == "firmware" or name.startswith("firmware.")]:
            del sys.modules[name]
        sys.modules.update(kept)


class _Finder:
    """Modules from texts in memory."""

    def __init__(self, texts: dict[str, str]) -> None:
        self._texts = {path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): (path, text) for path, text in texts.items()}

    def find_spec(self, name, path=None, target=None):
        from importlib.machinery import ModuleSpec

        if name not in self._texts:
            return None
        return ModuleSpec(name, self, is_package=self._texts[name][0].endswith("__init__.py"))

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(self._texts[module.__name__][1], vars(module))


def test_names_of_two_files_that_are_the_same_stay_apart():
    main = "from firmware.two import _help as f\nfrom firmware import one\nx = (f(5), one.LIMIT, one.Thing.size)\n"
    names, texts = linked(main, one=ONE, two=TWO)
    assert names["x"] == (16, [1], 3)
    assert set(texts) == {"firmware/__init__.py", TOP, LINKED}
    assert "import" not in texts[LINKED]


@pytest.mark.parametrize(
    ("two", "wanted"),
    [
        ("from firmware.one import add\nvalue = [add(x) for add in (1,) for x in (2,)] if 0 else add(2)\n", 3),
        ("from firmware import one\n\n\ndef f(add):\n    return one.add(add)\nvalue = f(4)\n", 5),
        ("from firmware.one import LIMIT as up\nclass C:\n  up = 7\n  def f(self):\n    return up[0] + self.up\nvalue = C().f()\n", 8),
        ("from firmware.one import LIMIT\nn = 0\ndef f():\n  global n\n  n += LIMIT[0]\n  return n\nvalue = f() + f()\n", 3),
        ("def add(x):\n  return 100\ndef f():\n  from firmware.one import add as u\n  return u(1) + add(1)\nvalue = f()\n", 102),
        ("from firmware.one import add\n\n\ndef len(x):\n    return -1\nvalue = len('abc') + add(1)\n", 1),
        ("from firmware.one import add\nfrom os import sep\nimport os as LIMIT\nvalue = add(1) if LIMIT.sep == sep else None\n", 2),
        ("from firmware.one import (\n    add,\n    Thing,\n)\nvalue = add(Thing.size)\n", 4),
        ("import firmware.one\nvalue = firmware.one.add(1)\n", 2),
        ("from firmware import one\nvalue = getattr(one, 'add')(1)\n", 2),
        ("try:\n    from firmware.one import add\nexcept ImportError:\n    add = None\nvalue = add(1)\n", 2),
        ("from firmware.three import add\nvalue = add(1)\n", 2),
    ],
)  # fmt: skip
def test_a_name_keeps_its_meaning(two, wanted):
    names, _ = linked("from firmware.two import value\nn = len('ab')\n", one=ONE, two=two, three="from firmware.one import add\n")
    assert (names["value"], names["n"]) == (wanted, 2)


@pytest.mark.parametrize(
    "main",
    [
        "import firmware.one\nx = firmware.one.add(1)\n", "from firmware import one\none.add = abs\nx = one.add(-2)\n",
        "from firmware import one\nx = vars(one)['add'](1)\n", "def f():\n    from firmware import one\n    return one.add(1)\nx = f()\n",
        "try:\n    from firmware.one import add\nexcept ImportError:\n    pass\nx = add(1)\n",
    ],
)  # fmt: skip
def test_what_cannot_be_followed_stays_a_module(main):
    names, texts = linked(main, one=ONE)
    assert names["x"] == 2 and "firmware/one.py" in texts


def test_what_only_a_call_by_name_loads_stays_a_module_and_uses_the_linked_one():
    main = "from firmware.two import use\n\n\ndef Rare(name, function):\n    __import__(name)\nRare('firmware.three', 'f')\n"
    three = "from firmware.one import add\nx = add(1)\n"
    names, texts = linked(main, one=ONE, two="from firmware.one import add\nuse = add\n", three=three)
    assert "firmware/three.py" in texts and "firmware.linked" in texts["firmware/three.py"]
    assert callable(names["use"])


def test_lines_are_found_again():
    sources = {"firmware/__init__.py": b"", "firmware/one.py": ONE.encode(), "firmware/two.py": TWO.encode()}
    sources[TOP] = b"from firmware.two import LIMIT\n"
    made = link(sources, (TOP,))
    text = made.sources[LINKED].decode().splitlines()
    for path in ("firmware/one.py", "firmware/two.py"):
        for number, line in enumerate(sources[path].decode().splitlines(), 1):
            if line.strip().startswith("return"):
                (at,) = [at for at, other in enumerate(text, 1) if _first(made.lines, path) <= at and other.startswith("    return")][:1]
                found = where.translated(f'  File "{LINKED}", line {at}, in f\n', made.lines)
                assert found == f'  File "{path}", line {number}, in f\n'
                break


def _first(lines: list[tuple[int, str]], wanted: str) -> int:
    return next(first for first, path in lines if path == wanted)


def test_a_traceback_is_translated_by_the_tool():
    board = find_board("qemu_mps2")
    lines = linked_lines(python_sources(board, paths.checkout(), paths.micropython_library()), board.roots)
    first = _first(lines, "firmware/supervisor.py")
    text = f'Traceback\n  File "firmware/main.py", line 3, in live\n  File "{LINKED}", line {first + 41}, in run\nValueError: x\n'
    command = [sys.executable, "-m", "host_tools.flash.where", "qemu_mps2"]
    ran = subprocess.run(command, input=text, capture_output=True, text=True, cwd=paths.checkout(), check=True)
    assert ran.stdout == text.replace(f'{LINKED}", line {first + 41}', 'firmware/supervisor.py", line 42')


@pytest.mark.parametrize(
    ("arguments", "code", "words"), [([], 2, "usage"), (["zx81"], 2, "zx81"), (["--help"], 0, "example"), (["a", "b"], 2, "usage")]
)
def test_the_tool_says_what_it_wants(arguments, code, words, capsys):
    assert where.main(arguments) == code
    out, trouble = capsys.readouterr()
    assert words in out + trouble


@pytest.mark.parametrize("name", [name for name in board_names() if find_board(name).is_linked])
def test_a_linked_application_is_one_module_and_a_few(name):
    board = find_board(name)
    texts = compiled_texts(python_sources(board, paths.checkout(), paths.micropython_library()), board.roots)
    bound = {node.id for node in ast.walk(ast.parse(texts[LINKED])) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    assert len(bound) > 500
    assert len([path for path in texts if path.startswith("firmware/") and not path.endswith("__init__.py")]) < 45


@pytest.mark.slow
def test_the_rooms_pass_their_tests_linked(tmp_path):
    checkout = paths.checkout()
    here = [*checkout.glob("firmware/**/*.py"), *checkout.glob("tests/rooms/**/*.py"), *checkout.glob("tests/*.py")]
    here += checkout.glob("board_configs/**/*.py")
    sources = {path.relative_to(checkout).as_posix(): path for path in here}
    texts = compiled_texts(sources, ("board_configs/qemu_mps2/board.py", TOP, "firmware/boot.py"))
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(text)
    for models in checkout.glob("firmware/meters/models/*.json"):
        target = tmp_path / models.relative_to(checkout)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(models.read_bytes())
    (tmp_path / "sitecustomize.py").write_text("import builtins\nbuiltins.const = lambda value: value\n")  # the compiler's, elsewhere
    for name in ("host_tools", "tests/vectors", "tests/golden"):
        (tmp_path / name).symlink_to(checkout / name)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{paths.micropython_library()}"}
    command = [sys.executable, "-m", "pytest", "--noconftest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--import-mode=importlib"]
    command += ["--assert=plain"]  # room tests say by themselves what they saw (tests/kit.py)
    command += ["--ignore=tests/rooms/base/test_rare.py"]  # it loads by its name a module that is linked here
    command += [f"--ignore=tests/rooms/hall/test_{name}.py" for name in LONG]
    ran = subprocess.run(
        [*command, "tests/rooms"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=ROOMS_S, check=False
    )
    assert LINKED in texts and len(texts) < len(sources) - 50
    assert ran.returncode == 0 and " passed" in ran.stdout, ran.stdout[-3_000:] + ran.stderr[-1_000:]
