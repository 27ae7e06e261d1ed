"""What MicroPython is given compiled is the checkout, byte for byte: each change of a source shows, and a fault is found at its line."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from host_tools.set_up import cache, paths
from tests import compiled

WHERE = "import {name}\nprint({name}.__file__)"
COMPILES = """
import sys
for path in sys.stdin.read().split():
    with open(path) as file:
        compile(file.read(), path, "exec")
"""


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """write(name, text) into a small checkout, whose compiled folder compiled.folder() then is."""
    monkeypatch.setattr(paths, "CHECKOUT", tmp_path / "checkout")
    monkeypatch.setattr(cache, "CACHE", tmp_path / "cache")

    def write(name: str, text: str) -> Path:
        file = tmp_path / "checkout" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    return write


@pytest.fixture
def session(monkeypatch):
    """A place as of another session."""
    monkeypatch.setenv(compiled.PLACE, "")
    with compiled.begin() as place:
        yield place


def run(text: str) -> str:
    done = subprocess.run(
        [paths.micropython(), "-c", text], cwd=compiled.folder(), env=compiled.environment(), capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_firmware_kits_and_library_are_loaded_compiled_and_data_is_that_of_the_checkout():
    for name in ("firmware.gateway", "board_configs.unix.board", "tests.kit", "umqtt.simple"):
        said = run(WHERE.format(name=name)).strip()
        assert Path(said).suffix == ".mpy" and (compiled.folder() / said).is_file(), said
    model = "firmware/meters/models/export_1p.json"
    assert (compiled.folder() / model).samefile(paths.checkout() / model)


def test_each_file_is_there_once_and_of_the_firmware_all_are_compiled():
    for name, _ in compiled.sources(paths.checkout()):
        there = [suffix for suffix in (".py", ".mpy") if (compiled.folder() / name).with_suffix(suffix).exists()]
        assert there == [".mpy"] or not name.startswith(("firmware/", "board_configs/", "tests/rooms/")) and there == [".py"], name


def test_a_fault_is_found_at_its_line(checkout, session):
    checkout("firmware/x.py", "# one\n\n\ndef f():\n    a = 1\n\n    return a // 0\n")
    said = run("from firmware.x import f\nf()")
    assert 'File "firmware/x.py", line 7, in f' in said and "ZeroDivisionError" in said


def test_a_session_after_an_edit_runs_what_was_edited(checkout, monkeypatch):
    for number in (1, 2, 1):
        checkout("firmware/x.py", f"NUMBER = {number}\n")
        monkeypatch.setenv(compiled.PLACE, "")
        with compiled.begin():
            assert run("from firmware.x import NUMBER\nprint(NUMBER)") == f"{number}\n"


def test_what_does_not_compile_says_so_when_it_is_imported(checkout, session):
    checkout("firmware/x.py", "def f(:\n")
    checkout("firmware/y.py", "NUMBER = 5\n")
    assert run("from firmware.y import NUMBER\nprint(NUMBER)") == "5\n"
    said = run("import firmware.x")
    assert "firmware/x.py" in said and "SyntaxError" in said


def test_many_who_ask_at_once_have_it_made_once(checkout, session, monkeypatch):
    checkout("firmware/x.py", "")
    made = []
    write = compiled._write
    monkeypatch.setattr(compiled, "_write", lambda target, of: made.append(target) or write(target, of))
    monkeypatch.setattr(compiled, "_made", compiled._made.__wrapped__)  # as in processes of their own
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: compiled.folder(), range(8)))
    assert len(made) == 1 and found == {Path(session) / "checkout"} and not made[0].exists()


def test_micropython_compiles_each_source_of_the_firmware_itself():
    names = [str(file) for name, file in compiled.sources(paths.checkout()) if name.startswith("firmware/")]
    done = subprocess.run(
        [paths.micropython(), "-X", "heapsize=8M", "-c", COMPILES], input="\n".join(names), capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert not done.returncode, done.stderr
    assert len(names) > 100
