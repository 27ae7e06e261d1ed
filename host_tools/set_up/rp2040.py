"""`python3 -m host_tools.set_up.rp2040`: the RP2040 board's runtime, and the emulator that runs it here. Not part of `make setup`.

The runtime is MicroPython's own rp2 port, unmodified, with the board folder board_configs/rp2040_modem/image; the Pico SDK and
TinyUSB come from Debian's packages, rp2040js from npm by the lock beside it. Traps: the port looks for its libraries inside
MicroPython's tree, so the tree is a copy of links; a build date and the cache's path in the image would make each build another.

The application is frozen into the runtime (wiring.py says why): the same commit gives the same image, another one another.
"""

import contextlib
import os
import shutil
import sys
import time
from pathlib import Path

from board_configs.rp2040_modem import wiring
from host_tools.flash.board_folder import find_board
from host_tools.flash.sources import python_sources
from host_tools.flash.texts import compiled_texts
from host_tools.set_up import debian, micropython, paths, system
from host_tools.set_up.cache import CACHE, CHECKOUT, SetUpError, built, key_of, machine_key, only_one, run, step

BOARD = CHECKOUT / "board_configs" / "rp2040_modem"
EMULATOR = BOARD / "emulator"
LIBRARIES = ("pico-sdk", "tinyusb")  # packages NAME-source
PACKAGES = tuple(dict.fromkeys((*system.BUILDING, "gcc-arm-none-eabi", "libnewlib-arm-none-eabi")))
PROGRAMS = {"cmake": "cmake", "ninja": "ninja-build", "node": "nodejs", "npm": "npm"}  # with the package, if it is not there
RELEASED = "1744675200"  # the day of MicroPython 1.25.0, in seconds: the date that the image bears
FLAGS = ("-mcpu=cortex-m0plus", "-mthumb")
ROM_FLAGS = ("-Os", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-nostartfiles", "-nodefaultlibs")
SETTINGS = ("-DPICO_NO_PICOTOOL=1", "-DCMAKE_BUILD_TYPE=MinSizeRel")
COMPILER = f'#!/bin/sh\nexec "${{0%/*}}/tree/mpy-cross/build/mpy-cross" -X {paths.COMPILER_HEAP} "$@"\n'  # the tree's own
REPORT = "the runtime of the RP2040 could not be built; report this with the log"


def runtime() -> Path:
    """The runtime image of this checkout, as the chip holds it from the beginning of its flash."""
    return _there(_runtime_place(_application()) / "firmware.bin", "the runtime of rp2040_modem, or it is of another application,")


def boot_rom() -> Path:
    """The boot-ROM stand-in."""
    return _there(_rom_place() / "rom.bin", "the boot ROM of rp2040_modem")


def emulator_library() -> Path:
    """The folder with node_modules/rp2040js."""
    return _there(_library_place(), "the emulator rp2040js")


def _there(path: Path, what: str) -> Path:
    if not path.exists():
        raise paths.NotSetUp(f"{what} is not set up: run `make boards-all` in {CHECKOUT}, or python3 -m host_tools.set_up.rp2040")
    return path


def _sources_place() -> Path:
    return CACHE / f"rp2040-source-{key_of(micropython.SUITE, *LIBRARIES)}"


def _workshop_place() -> Path:
    """The build folder, kept: from one application to the next only what is frozen in changes."""
    parts = (machine_key(), micropython.sources().name, _sources_place().name, RELEASED, str(wiring.FLASH), *FLAGS, *SETTINGS, COMPILER)
    return CACHE / f"rp2040-build-{key_of(*parts, *_contents(BOARD, 'image'))}"


def _runtime_place(application: dict[str, bytes]) -> Path:
    return CACHE / f"rp2040_modem-{key_of(_workshop_place().name, *(part for item in sorted(application.items()) for part in item))}"


def _rom_place() -> Path:
    return CACHE / f"rp2040-rom-{key_of(machine_key(), *FLAGS, *ROM_FLAGS, *_contents(BOARD, 'rom'))}"


def _contents(folder: Path, *names: str) -> list[str | bytes]:
    """Names and bytes of files and of all that lies in folders."""
    parts: list[str | bytes] = []
    for name in names:
        for path in sorted([folder / name, *(folder / name).rglob("*")]):
            if path.is_file() and "__pycache__" not in path.parts:
                parts += [path.relative_to(folder).as_posix(), path.read_bytes()]
    return parts


def _application() -> dict[str, bytes]:
    """{path on sys.path: content} of the Python files that are frozen in."""
    board = find_board(wiring.NAME)
    files = python_sources(board, CHECKOUT, paths.micropython_library())
    files["wiring.py"] = BOARD / "wiring.py"  # for what runs before the application
    return compiled_texts(files, board.roots)


def _library_place() -> Path:
    return CACHE / f"rp2040js-{key_of((EMULATOR / 'package.json').read_bytes(), (EMULATOR / 'package-lock.json').read_bytes())}"


def set_up() -> str:
    """Make what is missing; the answer is the closing line."""
    system.check_release()
    mpy_cross, application = paths.mpy_cross(), _application()
    runtime_place = _runtime_place(application)
    if all(place.is_dir() for place in (runtime_place, _rom_place(), _library_place())) and shutil.which("node"):
        return "RP2040: already set up."
    with only_one():
        wanted = [package for program, package in PROGRAMS.items() if not shutil.which(program)]
        system.install([*system.missing(PACKAGES), *wanted])
        if not runtime_place.is_dir():
            micropython.fetch()
            if not _sources_place().is_dir():
                _fetch_libraries()
            with step("MicroPython for the RP2040"), built(runtime_place) as scratch:
                _build_runtime(scratch, mpy_cross, application)
        if not _rom_place().is_dir():
            with step("boot ROM for the RP2040"), built(_rom_place()) as scratch:
                _build_rom(scratch)
        if not _library_place().is_dir():
            with step("rp2040js"), built(_library_place()) as scratch:
                _fetch_emulator(scratch)
    return "RP2040: set up."


def _fetch_libraries() -> None:
    with step(f"{' and '.join(LIBRARIES)} from Debian {micropython.SUITE}"), built(_sources_place()) as scratch:
        with debian.other_suite(scratch, micropython.SUITE, "deb") as apt:
            packages = [f"{name}-source" for name in LIBRARIES]
            run("rp2040-fetch", [*apt, "download", *packages], debian.AGAIN, cwd=scratch)
        for package in scratch.glob("*.deb"):  # apt has checked the hashes
            run("rp2040-unpack", ["dpkg", "-x", str(package), str(scratch / "root")], "a package could not be unpacked; is the disk full?")
            package.unlink()
        for name in LIBRARIES:
            (scratch / "root" / "usr" / "src" / name).rename(scratch / name)
        shutil.rmtree(scratch / "root")


def _build_runtime(scratch: Path, mpy_cross: Path, application: dict[str, bytes]) -> None:
    workshop = _workshop_place()
    if not (workshop / "configured").is_file():
        shutil.rmtree(workshop, ignore_errors=True)
        workshop.mkdir()
        _configure(workshop, mpy_cross)
        (workshop / "configured").touch()
    _renew(workshop / "application", application)
    environment = {**_environment(mpy_cross), "MICROPY_MPYCROSS": str(workshop / "mpy-cross")}
    run("rp2040-build", ["cmake", "--build", str(workshop / "build"), f"-j{os.cpu_count() or 1}"], REPORT, env=environment)
    image = (workshop / "build" / "firmware.bin").read_bytes()
    room = _parts()["runtime"][1]
    if len(image) > room:
        raise SetUpError(f"the runtime has {len(image)} bytes, wiring.py gives it {room}: make the part `runtime` bigger")
    (scratch / "firmware.bin").write_bytes(image)


def _configure(workshop: Path, mpy_cross: Path) -> None:
    tree, no_cxx = workshop / "tree", workshop / "no_cxx"
    shutil.copytree(micropython.sources() / "micropython", tree, symlinks=True, copy_function=os.link)
    for name in (*LIBRARIES, *micropython.SOURCES[1:]):
        place = tree / "lib" / name
        place.unlink() if place.is_symlink() else place.rmdir()
        place.symlink_to((_sources_place() if name in LIBRARIES else micropython.sources()) / name)
    board = workshop / "board"  # not the checkout's: checkouts share this folder, and come and go
    shutil.copytree(BOARD / "image", board / "image")
    shutil.copytree(BOARD / "image" / "no_cxx", no_cxx)
    run("rp2040-archive", ["arm-none-eabi-ar", "rc", str(no_cxx / "libstdc++.a")], REPORT)
    (workshop / "mpy-cross").write_text(COMPILER)
    (workshop / "mpy-cross").chmod(0o755)
    base = sum(_parts()["runtime"])
    flags = " ".join((*FLAGS, f"-ffile-prefix-map={workshop}=."))
    settings = {
        "MICROPY_BOARD": wiring.NAME.upper(),
        "MICROPY_BOARD_DIR": board / "image",
        "MICROPY_FROZEN_MANIFEST": board / "image" / "manifest.py",
        "MICROPY_MANIFEST_APPLICATION": workshop / "application",
        "LAMPLIGHTER_STORAGE_BASE": base,
        "LAMPLIGHTER_STORAGE_BYTES": max(sum(part) for part in _parts().values()) - base,
        "CMAKE_C_FLAGS": flags,
        "CMAKE_CXX_FLAGS": f"{flags} -isystem {no_cxx}",
        "CMAKE_EXE_LINKER_FLAGS": f"-L{no_cxx}",
    }
    defined = [f"-D{name}={value}" for name, value in settings.items()]
    port = ["-S", str(tree / "ports" / "rp2"), "-B", str(workshop / "build"), "-G", "Ninja"]
    run("rp2040-configure", ["cmake", *port, *SETTINGS, *defined], REPORT, env=_environment(mpy_cross))


def _environment(mpy_cross: Path) -> dict[str, str]:
    return {"SOURCE_DATE_EPOCH": RELEASED, "PATH": f"{mpy_cross.parent}:{os.environ.get('PATH', os.defpath)}"}


def _parts() -> dict[str, tuple[int, int]]:
    return {part: (offset, size) for part, offset, size in wiring.FLASH}


def _renew(folder: Path, files: dict[str, bytes]) -> None:
    """Make the folder hold these files; those that are the same keep their times, so they are not compiled again."""
    for old in [path for path in folder.rglob("*") if path.is_file() and path.relative_to(folder).as_posix() not in files]:
        old.unlink()
    for name, content in files.items():
        target = folder / name
        if not target.is_file() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)


def _build_rom(scratch: Path) -> None:
    report = "the boot-ROM stand-in could not be built; report this with the log"
    elf = scratch / "rom.elf"
    source, script = BOARD / "rom" / "rom.c", BOARD / "rom" / "rom.ld"
    run(
        "rp2040-rom",
        ["arm-none-eabi-gcc", *FLAGS, *ROM_FLAGS, "-T", str(script), str(source), "-lgcc", "-o", str(elf)],
        report,
    )
    run("rp2040-rom", ["arm-none-eabi-objcopy", "-O", "binary", str(elf), str(scratch / "rom.bin")], report)
    elf.unlink()


def _fetch_emulator(scratch: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(EMULATOR / name, scratch)
    run(
        "rp2040js",
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"],
        "rp2040js could not be installed by npm; check the network and start this again",
        cwd=scratch,
    )


def main() -> int:
    """Exit codes as `make setup`: 0 all is there, 2 something stands in the way, 130 interrupted."""
    began = time.monotonic()
    with contextlib.suppress(KeyboardInterrupt):
        try:
            print(f"{set_up()} ({time.monotonic() - began:.1f} s, cache {CACHE})")
            return 0
        except (SetUpError, paths.NotSetUp, OSError) as trouble:
            print(f"set-up: {trouble}", file=sys.stderr)
            return 2
    print("\nset-up: interrupted; start it again, it goes on where it stopped", file=sys.stderr)
    return 130


if __name__ == "__main__":
    sys.exit(main())
