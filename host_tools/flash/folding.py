"""Constants of one module put where another uses them, before compilation: the work that `const` does inside a module.

A name that is imported costs the board's heap some ten bytes in each module, and each use a look into two tables; there are some
six hundred constants and as many imports of them. Here each use becomes its number; then definition and import go, when nobody is
left who could ask for them. Every line keeps its place, so a traceback still tells the right one.

Traps avoided: a name that is bound a second time anywhere in a module, as an argument say, is left alone there; a module that is
handed on as an object, or imported in a `try`, may be asked for anything, so it keeps all of its names; f-strings say a wrong
place for what is in them.
"""

import ast
from dataclasses import dataclass, field

from host_tools.flash.constants import Constants, Module, is_const_call
from host_tools.flash.edits import Edit, edited, over

PORT = ("firmware.base.port", "const")


@dataclass
class _Uses:
    """What one module does with its names: `kept` are aliases and (module, name) that somebody still asks for."""

    edits: list[Edit] = field(default_factory=list)
    aliases: set[str] = field(default_factory=set)
    kept: set[tuple[str, str]] = field(default_factory=set)
    whole: set[str] = field(default_factory=set)  # modules that are handed on


def fold_constants(sources: dict[str, bytes]) -> dict[str, bytes]:
    """{path: Python source} of all modules that run together -> the same with their constants folded."""
    constants = Constants(sources)
    uses = {name: _uses_of(constants, module) for name, module in constants.modules.items()}
    kept = set().union(*(use.kept for use in uses.values()))
    whole = set().union(*(use.whole for use in uses.values()))
    folded = {}
    for name, module in constants.modules.items():
        edits = [*uses[name].edits, *_definitions(constants, module, kept, name in whole), *_imports(constants, module, uses[name])]
        folded[module.path] = edited(sources[module.path], edits)
    return folded


def _uses_of(constants: Constants, module: Module) -> _Uses:
    uses = _Uses()
    dark = {id(inner) for node in module.nodes if isinstance(node, ast.JoinedStr) for inner in ast.walk(node)}
    definitions = {id(statement.value.func) for statement in module.assigned.values() if is_const_call(statement.value)}
    bases: set[int] = set()
    for node in module.nodes:
        number = None
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            there = constants.module_of(module, node.value.id)
            if there is None:
                continue
            number = constants.attribute(module, node)
            bases.add(id(node.value))
            if number is None or id(node) in dark or node.lineno != node.end_lineno:
                uses.aliases.add(node.value.id)
                uses.kept.add((there.name, node.attr))
                continue
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and id(node) not in bases and id(node) not in definitions:
            number = constants.of(module, node.id)
            if number is None or id(node) in dark:
                _keep(constants, module, node.id, uses)
                continue
        if number is not None:
            uses.edits.append(over(node, f"({number})" if number < 0 else str(number)))
    for node in module.nodes:
        _keep_imported(constants, module, node, uses)
    return uses


def _keep_imported(constants: Constants, module: Module, node: ast.AST, uses: _Uses) -> None:
    """What is imported and was not followed: inside a function or a `try`, by its dotted name, under a name bound twice."""
    if isinstance(node, ast.Import):
        uses.whole |= {alias.name for alias in node.names}
    elif isinstance(node, ast.ImportFrom) and not node.level:
        for alias in node.names:
            place, name = (node.module or "", alias.name), alias.asname or alias.name
            followed = module.imported.get(name) == place and module.bound[name] == 1
            if not followed:
                uses.whole.add(".".join(place))
            if not followed or constants.of(module, name) is None:
                uses.kept.add(place)


def _keep(constants: Constants, module: Module, name: str, uses: _Uses) -> None:
    """A name that is used as it is."""
    uses.aliases.add(name)
    uses.kept.add((module.name, name))
    uses.kept.add(module.imported.get(name, ("", "")))
    there = constants.module_of(module, name)
    if there is not None:
        uses.whole.add(there.name)


def _definitions(constants: Constants, module: Module, kept: set[tuple[str, str]], whole: bool) -> list[Edit]:
    edits: list[Edit] = []
    for name, statement in module.assigned.items():
        number = constants.of(module, name)
        if number is not None and not whole and (module.name, name) not in kept:
            edits.append(over(statement, "pass"))
    return edits


def _imports(constants: Constants, module: Module, uses: _Uses) -> list[Edit]:
    edits: list[Edit] = []
    for statement in module.tree.body:
        if not isinstance(statement, ast.ImportFrom) or statement.level or not statement.module:
            continue
        left = [alias for alias in statement.names if _is_needed(constants, module, alias.asname or alias.name, uses)]
        if len(left) < len(statement.names):
            names = ", ".join(f"{alias.name} as {alias.asname}" if alias.asname else alias.name for alias in left)
            edits.append(over(statement, f"from {statement.module} import {names}" if left else "pass"))
    return edits


def _is_needed(constants: Constants, module: Module, alias: str, uses: _Uses) -> bool:
    if alias in uses.aliases:
        return True
    if module.imported[alias] == PORT or constants.module_of(module, alias) is not None:
        return False
    return constants.of(module, alias) is None
