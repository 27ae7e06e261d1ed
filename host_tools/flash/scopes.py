"""Which names of a module's source mean the module's own, and which are local to a function, a class or a comprehension.

The rules are those of Python's reference, section 4.2.2: a name that a function binds anywhere is local in all of it, unless it says
`global`; a class body sees its own names, the functions in it do not; a comprehension binds in a scope of its own.
"""

import ast
from collections.abc import Iterable

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Scopes(ast.NodeVisitor):
    """`names`: Name nodes that mean the module; `definitions`: its functions and classes; `statements`: every `global`;
    `bound`: the names that the module binds, wherever that stands."""

    def __init__(self, tree: ast.Module) -> None:
        self.names: list[ast.Name] = []
        self.definitions: list[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef] = []
        self.statements: list[ast.Global] = []
        self.bound: set[str] = set()
        self._inner: list[tuple[bool, set[str], set[str]]] = []  # (is it a class, its names, those that it says are global)
        for statement in tree.body:
            self.visit(statement)

    def visit_Name(self, node: ast.Name) -> None:
        if self._is_global(node.id):
            self.names.append(node)
            if not isinstance(node.ctx, ast.Load):
                self.bound.add(node.id)

    def visit_Global(self, node: ast.Global) -> None:
        self.statements.append(node)
        self.bound.update(node.names)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name and self._is_global(node.name):
            self.bound.add(node.name)
        self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self._import(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self._import(node)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        self.bound.update(name for name in map(bound_alias, node.names) if self._is_global(name))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._define(node)
        outside: list[ast.AST | None] = [*node.decorator_list, *node.args.defaults, *node.args.kw_defaults, node.returns]
        outside += [argument.annotation for argument in _arguments(node.args)]
        self._all(outside)
        own = _own(node.body)
        self._enter(False, _bound_by(own) | {argument.arg for argument in _arguments(node.args)}, _said_global(own), node.body)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._all([*node.args.defaults, *node.args.kw_defaults])
        self._enter(False, {argument.arg for argument in _arguments(node.args)}, set(), [node.body])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._define(node)
        self._all([*node.decorator_list, *node.bases, *node.keywords])
        own = _own(node.body)
        self._enter(True, _bound_by(own), _said_global(own), node.body)

    def generic_visit(self, node: ast.AST) -> None:
        if isinstance(node, COMPREHENSIONS):
            self._comprehension(node)
        else:
            super().generic_visit(node)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        first = node.generators[0]
        self.visit(first.iter)  # the first iterable belongs to the scope around
        names = {inner.id for generator in node.generators for inner in ast.walk(generator.target) if isinstance(inner, ast.Name)}
        rest: list[ast.AST] = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        for generator in node.generators:
            rest += [generator.target, *generator.ifs, *([generator.iter] if generator is not first else [])]
        self._enter(False, names, set(), rest)

    def _define(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        if self._is_global(node.name):
            self.definitions.append(node)
            self.bound.add(node.name)

    def _enter(self, is_class: bool, names: set[str], said: set[str], body: Iterable[ast.AST]) -> None:
        self._inner.append((is_class, names - said, said))
        self._all(body)
        self._inner.pop()

    def _all(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    def _is_global(self, name: str) -> bool:
        for depth, (is_class, names, said) in enumerate(reversed(self._inner)):
            if is_class and depth:
                continue  # a function does not see the names of the class around it
            if name in names:
                return False
            if name in said:
                return True
        return True


def bound_alias(alias: ast.alias) -> str:
    """The name that an import binds."""
    return alias.asname or alias.name.split(".")[0]


def _arguments(given: ast.arguments) -> list[ast.arg]:
    rest = [argument for argument in (given.vararg, given.kwarg) if argument]
    return [*given.posonlyargs, *given.args, *given.kwonlyargs, *rest]


def _own(body: Iterable[ast.AST]) -> list[ast.AST]:
    """All nodes of a scope's body, without what is inside of the scopes in it."""
    found = list(body)
    for node in found:  # grows as it goes
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef, *COMPREHENSIONS)):
            found += ast.iter_child_nodes(node)
    return found


def _bound_by(nodes: Iterable[ast.AST]) -> set[str]:
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found.update(map(bound_alias, node.names))
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.add(node.name)
    return found


def _said_global(nodes: Iterable[ast.AST]) -> set[str]:
    return {name for node in nodes if isinstance(node, ast.Global) for name in node.names}
