"""Which constants a set of modules has, and what each of its names stands for (folding.py puts them where they are used).

A constant is a top-level `NAME = const(expression)`, or `_NAME = expression` of such ones, that comes to a whole number of thirty
bits and that nothing else in its module binds. More is not understood and stays as it is.
"""

import ast
import operator
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from host_tools.flash.edits import nodes_of

SMALL_MAX = 2**30 - 1  # what a 32-bit port holds in a word of its own
OPERATIONS: dict[type[ast.AST], Callable[[int, int], int]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
    ast.LShift: operator.lshift, ast.RShift: operator.rshift, ast.BitOr: operator.or_, ast.BitAnd: operator.and_,
    ast.BitXor: operator.xor,
}  # fmt: skip


@dataclass
class Module:
    """One source file: `bound` counts what gives each name a value, `assigned` and `imported` say what; `nodes` is the tree, walked."""

    path: str
    tree: ast.Module
    nodes: list[ast.AST]
    bound: Counter[str] = field(default_factory=Counter)
    assigned: dict[str, ast.Assign] = field(default_factory=dict)
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)  # {alias: (module, name in it)}

    @property
    def name(self) -> str:
        """Its dotted name."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


class Constants:
    """Of {path: source}. `of(module, name)` -> the number that a name at the top of a module stands for, or None."""

    def __init__(self, sources: dict[str, bytes]) -> None:
        self.modules = {}
        for path, text in sources.items():
            module = _read(path, ast.parse(text, path))
            self.modules[module.name] = module
        self._known: dict[tuple[str, str], int | None] = {}

    def of(self, module: Module, name: str) -> int | None:
        """Defined there or imported."""
        place = (module.name, name)
        if place not in self._known:
            self._known[place] = None  # a ring of names is no constant
            self._known[place] = self._find(module, name)
        return self._known[place]

    def module_of(self, module: Module, alias: str) -> Module | None:
        """The module that a name in another one is bound to."""
        if module.bound[alias] != 1 or alias not in module.imported:
            return None
        return self.modules.get(".".join(module.imported[alias]))

    def _find(self, module: Module, name: str) -> int | None:
        if module.bound[name] != 1:
            return None
        if name in module.imported:
            origin, there = module.imported[name]
            return self.of(self.modules[origin], there) if origin in self.modules and not there.startswith("_") else None
        if name not in module.assigned:
            return None
        value = module.assigned[name].value
        if is_const_call(value):
            value = value.args[0]
        elif not name.startswith("_"):
            return None
        number = self.value(module, value)
        return number if number is not None and -SMALL_MAX <= number <= SMALL_MAX else None

    def value(self, module: Module, node: ast.expr) -> int | None:
        """What an expression comes to, None when it is not made of constants only."""
        if isinstance(node, ast.Constant):
            return node.value if type(node.value) is int else None
        if isinstance(node, ast.Name):
            return self.of(module, node.id)
        if isinstance(node, ast.Attribute):
            return self.attribute(module, node)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            number = self.value(module, node.operand)
            return None if number is None else -number
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATIONS:
            left, right = self.value(module, node.left), self.value(module, node.right)
            return None if left is None or right is None else OPERATIONS[type(node.op)](left, right)
        return None

    def attribute(self, module: Module, node: ast.Attribute) -> int | None:
        """`alias.NAME` of another module."""
        there = self.module_of(module, node.value.id) if isinstance(node.value, ast.Name) else None
        return None if there is None or node.attr.startswith("_") else self.of(there, node.attr)


def is_const_call(node: ast.AST) -> bool:
    """Is it `const(one argument)`?"""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "const" and len(node.args) == 1


def _read(path: str, tree: ast.Module) -> Module:
    module = Module(path, tree, nodes_of(tree))
    for node in module.nodes:
        for name in _bound_by(node):
            module.bound[name] += 1
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name) and len(statement.targets) == 1:
            module.assigned[statement.targets[0].id] = statement
        elif isinstance(statement, ast.ImportFrom) and not statement.level:
            for alias in statement.names:
                module.imported[alias.asname or alias.name] = (statement.module or "", alias.name)
    return module


def _bound_by(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Name):
        return [node.id] if not isinstance(node.ctx, ast.Load) else []
    if isinstance(node, ast.arg):
        return [node.arg]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.alias):
        return [(node.asname or node.name).split(".")[0]]
    if isinstance(node, ast.Global | ast.Nonlocal):
        return node.names
    if isinstance(node, ast.ExceptHandler):
        return [node.name] if node.name else []
    return []
