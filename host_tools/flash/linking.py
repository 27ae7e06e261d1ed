"""Modules that run together made into one: `firmware/linked.py` in the image of a board with little heap.

On MicroPython each module costs its heap a table of the names that its code uses, a table of those that it binds, imported ones
included, and two objects: for a hundred modules 30 KB that say the same things again and again. One module says them once, and a
function of another room is found by one look instead of two. What a file promises does not change: every name keeps its meaning, and
one that two files use for different things gets the file's own name behind it.

What stays a module of its own: where a start begins (`roots`), what is loaded by its name for a call (Rare) and what only that
needs, and every module that anybody uses other than by `from module import name` and `module.name`.
`lines` says which lines of linked.py are of which file, so that host_tools.flash.where can translate a traceback.
"""

import ast
import builtins
from dataclasses import dataclass, field

from host_tools.flash.edits import Edit, edited, is_rare_call, nodes_of, over
from host_tools.flash.scopes import Scopes, bound_alias

PACKAGE, NAME = "firmware", "linked"
LINKED = f"{PACKAGE}/{NAME}.py"
Place = tuple[str, str]  # (module, name in it)


@dataclass
class Unit:
    """One source file; `nodes` is its tree, walked. `aliases`: what an import at its top binds to modules and names of ours;
    `others`: to anything else."""

    path: str
    tree: ast.Module
    nodes: list[ast.AST]
    scopes: Scopes
    aliases: dict[str, Place] = field(default_factory=dict)
    others: dict[str, Place] = field(default_factory=dict)
    needs: list[str] = field(default_factory=list)  # modules of ours, in the order of the text

    @property
    def name(self) -> str:
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@dataclass
class Linked:
    """`sources`: {path: text} of everything; `lines`: [(first line in linked.py, path)], `members`: their dotted names."""

    sources: dict[str, bytes]
    lines: list[tuple[int, str]]
    members: list[str]


def link(sources: dict[str, bytes], roots: tuple[str, ...]) -> Linked:
    """{path: Python source} of all that runs together, constants folded; `roots` are paths that stay modules."""
    linker = _Linker(sources, roots)
    text, lines = linker.text()
    out = {path: linker.outsider(unit) for path, unit in linker.by_path.items() if unit.name not in linker.members}
    if linker.members:
        out[LINKED] = text
    return Linked(out, lines, list(linker.members))


class _Linker:
    def __init__(self, sources: dict[str, bytes], roots: tuple[str, ...]) -> None:
        self.sources = sources
        self.by_path = {path: _read(path, text) for path, text in sources.items()}
        self.units = {unit.name: unit for unit in self.by_path.values()}
        for unit in self.units.values():
            self._follow(unit)
        opened = {name for unit in self.units.values() for name in self._opened(unit)}
        order = self._order([self.by_path[path].name for path in roots])
        self.members = {
            name: self.units[name]
            for name in order
            if name not in opened and name.startswith(f"{PACKAGE}.") and self.units[name].path not in roots
            and not self.units[name].path.endswith("/__init__.py")
        }  # fmt: skip
        self._unique: dict[Place, str] = {}
        self._name_all()

    def _follow(self, unit: Unit) -> None:
        """Read its imports: names of ours, names of others, and what it needs before it runs."""
        for node in unit.nodes:
            if isinstance(node, ast.ImportFrom) and not node.level:
                for alias in node.names:
                    place = self._place(node.module or "", alias.name)
                    unit.needs += [name for name in (node.module or "", ".".join(place).rstrip(".")) if name in self.units]
        for statement in unit.tree.body:
            if isinstance(statement, ast.ImportFrom) and not statement.level:
                for alias in statement.names:
                    place = self._place(statement.module or "", alias.name)
                    kind = unit.aliases if place[0] in self.units else unit.others
                    kind[bound_alias(alias)] = place
            elif isinstance(statement, ast.Import):
                unit.others |= {bound_alias(alias): ("", alias.name) for alias in statement.names}

    def _place(self, module: str, name: str) -> Place:
        """(module, "") for a module of ours, else (module, name)."""
        return (f"{module}.{name}", "") if f"{module}.{name}" in self.units else (module, name)

    def _opened(self, unit: Unit) -> set[str]:
        """Modules that this one uses in a way that cannot be followed."""
        found: set[str] = set()
        top = {id(statement) for statement in unit.tree.body}
        for node in unit.nodes:
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
                if any("." in alias.name and not alias.asname for alias in node.names):
                    found.add(unit.name)  # `import a.b` binds a: no other name says the same
            elif is_rare_call(node):
                found.add(str(node.args[0].value))
            elif isinstance(node, ast.ImportFrom) and id(node) not in top:
                found |= {place[0] for alias in node.names if not (place := self._place(node.module or "", alias.name))[1]}
                if _is_guarded(unit.tree, node):
                    found.add(node.module or "")
        used = {id(node.value) for node in _attributes(unit) if self._target(unit, node) is not None}
        for name in unit.scopes.names:
            module, attribute = unit.aliases.get(name.id, ("", "x"))
            if not attribute and id(name) not in used:
                found.add(module)
        return found

    def _target(self, unit: Unit, node: ast.Attribute) -> Place | None:
        """What `alias.NAME` means, when it is read, in one line, and known there."""
        assert isinstance(node.value, ast.Name)
        module, attribute = unit.aliases.get(node.value.id, ("", "x"))
        is_read = isinstance(node.ctx, ast.Load) and node.lineno == node.end_lineno
        return self._origin((module, node.attr)) if not attribute and is_read and node.attr in self.units[module].scopes.bound else None

    def _origin(self, place: Place) -> Place:
        """Where a name that may be imported second hand is defined."""
        while place[0] in self.units and place[1] in self.units[place[0]].aliases:
            place = self.units[place[0]].aliases[place[1]]
        return place

    def _order(self, roots: list[str]) -> list[str]:
        """Modules in the order in which they are run."""
        done: dict[str, None] = {}

        def visit(name: str) -> None:
            if name not in seen:
                seen.add(name)
                for needed in self.units[name].needs:
                    visit(needed)
                done[name] = None

        seen: set[str] = set()
        for root in roots:
            visit(root)
        return list(done)

    # names

    def _name_all(self) -> None:
        taken = set(dir(builtins)) | {"const"}
        words: set[str] = set()  # `aio.now_ms()` becomes `now_ms()` in a function that may have a `now_ms` of its own
        for unit in self.members.values():
            taken |= {node.id for node in unit.scopes.names if node.id not in unit.scopes.bound}
            words |= _local_words(unit)
        for unit in self.members.values():
            for name in sorted(unit.scopes.bound):
                place = self._own_place(unit, name)
                if place is None:
                    continue
                if place not in self._unique:
                    self._unique[place] = self._new_name(name, unit, taken, words)
                self._unique[unit.name, name] = self._unique[place]  # who imports it from here

    def _new_name(self, name: str, unit: Unit, taken: set[str], words: set[str]) -> str:
        unique, more = name, 0
        while unique in taken or unique in words:
            more += 1
            unique = f"{name}_{unit.name.rpartition('.')[2]}{more if more > 1 else ''}"
        taken.add(unique)
        return unique

    def _own_place(self, unit: Unit, name: str) -> Place | None:
        """What a name that a member binds stands for; None when that is another member's, or a member itself."""
        if name in unit.aliases:
            place = self._origin(unit.aliases[name])
            return None if place[0] in self.members else place
        return unit.others.get(name, (unit.name, name))

    def unique(self, place: Place) -> str:
        """The name in linked.py of what stands at `place`."""
        return self._unique[self._origin(place)]

    # texts

    def text(self) -> tuple[bytes, list[tuple[int, str]]]:
        """linked.py, and where in it each file begins."""
        parts, lines, line = [], [], 1
        for unit in self.members.values():
            lines.append((line, unit.path))
            parts.append(edited(self.sources[unit.path], self._edits(unit)).rstrip(b"\n") + b"\n")
            line += parts[-1].count(b"\n")
        return b"".join(parts), lines

    def _edits(self, unit: Unit) -> list[Edit]:
        def unique(name: str) -> str:
            place = self._own_place(unit, name)
            return self._unique[place if place is not None else self._origin(unit.aliases[name])]

        edits = self._attribute_edits(unit, "")
        modules = {name for name, place in unit.aliases.items() if place[0] in self.members and not place[1]}
        for node in unit.scopes.names:
            if node.id in unit.scopes.bound and node.id not in modules:
                edits.append(over(node, unique(node.id)))
        rows = self.sources[unit.path].splitlines()
        for node in unit.scopes.definitions:
            at = rows[node.lineno - 1].index(node.name.encode(), node.col_offset)
            edits.append((node.lineno, at, node.lineno, at + len(node.name), unique(node.name)))
        edits += [over(node, "global " + ", ".join(map(unique, node.names))) for node in unit.scopes.statements]
        for statement in unit.tree.body:
            if isinstance(statement, ast.Import):
                edits.append(over(statement, "; ".join(_import(alias.name, unique(bound_alias(alias))) for alias in statement.names)))
            elif isinstance(statement, ast.ImportFrom):
                kept = [alias for alias in statement.names if self._own_place(unit, bound_alias(alias)) is not None]
                words = ", ".join(_renamed(alias.name, unique(bound_alias(alias))) for alias in kept)
                edits.append(over(statement, f"from {statement.module} import {words}" if kept else "pass"))
        return edits + self._nested_edits(unit)

    def outsider(self, unit: Unit) -> bytes:
        """A module that stays one, with its imports led to linked.py."""
        edits = self._attribute_edits(unit, "{}.")
        for statement in unit.tree.body:
            if isinstance(statement, ast.ImportFrom) and not statement.level:
                edits += self._led(statement)
        return edited(self.sources[unit.path], edits + self._nested_edits(unit))

    def _attribute_edits(self, unit: Unit, before: str) -> list[Edit]:
        edits = []
        for node in _attributes(unit):
            place = self._target(unit, node)
            if place is not None and self._origin(place)[0] in self.members and isinstance(node.value, ast.Name):
                if unit.aliases[node.value.id][0] in self.members:
                    edits.append(over(node, before.format(node.value.id) + self.unique(place)))
        return edits

    def _nested_edits(self, unit: Unit) -> list[Edit]:
        top = {id(statement) for statement in unit.tree.body}
        nested = [node for node in unit.nodes if isinstance(node, ast.ImportFrom) and id(node) not in top and not node.level]
        return [edit for node in nested for edit in self._led(node)]

    def _led(self, statement: ast.ImportFrom) -> list[Edit]:
        """An import of members' names, or of members, from linked.py instead."""
        words: dict[str, list[str]] = {}
        changed = False
        for alias in statement.names:
            module, name = self._place(statement.module or "", alias.name)
            origin = self._origin((module, name)) if name else (module, "")
            if origin[0] not in self.members or module not in self.members:
                words.setdefault(statement.module or "", []).append(_renamed(alias.name, bound_alias(alias)))
                continue
            changed = True
            if name:
                words.setdefault(f"{PACKAGE}.{NAME}", []).append(_renamed(self.unique(origin), bound_alias(alias)))
            else:
                words.setdefault(PACKAGE, []).append(_renamed(NAME, bound_alias(alias)))
        text = "; ".join(f"from {module} import {', '.join(names)}" for module, names in words.items())
        return [over(statement, text)] if changed else []


def _read(path: str, text: bytes) -> Unit:
    tree = ast.parse(text, path)
    return Unit(path, tree, nodes_of(tree), Scopes(tree))


def _is_guarded(tree: ast.Module, node: ast.ImportFrom) -> bool:
    """In a `try` or an `if` at the top of the module: one of two."""
    return any(node in ast.walk(statement) for statement in tree.body if isinstance(statement, ast.Try | ast.If))


def _attributes(unit: Unit) -> list[ast.Attribute]:
    own = {id(name) for name in unit.scopes.names}
    return [node for node in unit.nodes if isinstance(node, ast.Attribute) and id(node.value) in own]


def _local_words(unit: Unit) -> set[str]:
    own = {id(name) for name in unit.scopes.names}
    names = {node.id for node in unit.nodes if isinstance(node, ast.Name) and id(node) not in own}
    return names | {node.arg for node in unit.nodes if isinstance(node, ast.arg)}


def _renamed(name: str, alias: str) -> str:
    return name if name == alias else f"{name} as {alias}"


def _import(name: str, alias: str) -> str:
    return f"import {name}" if name == alias else f"import {name} as {alias}"
