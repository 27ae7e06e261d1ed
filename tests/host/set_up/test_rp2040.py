"""What the RP2040's set-up promises without building: the application's folder follows the checkout, and a missing thing is named."""

import json
import os
import re

import pytest

from host_tools.set_up import paths, rp2040


def test_the_applications_folder_follows_the_checkout_and_what_is_the_same_keeps_its_time(tmp_path):
    rp2040._renew(tmp_path, {"a/same.py": b"1", "a/changed.py": b"2", "b/gone.py": b"3"})
    for path in tmp_path.rglob("*.py"):
        os.utime(path, (1, 1))
    rp2040._renew(tmp_path, {"a/same.py": b"1", "a/changed.py": b"two", "c/new.py": b"4"})
    held = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in tmp_path.rglob("*.py")}
    assert held == {"a/same.py": b"1", "a/changed.py": b"two", "c/new.py": b"4"}
    assert (tmp_path / "a/same.py").stat().st_mtime == 1 and (tmp_path / "a/changed.py").stat().st_mtime > 1


def test_another_application_is_another_runtime_and_the_same_one_is_not():
    one = {"firmware/main.py": b"1"}
    assert rp2040._runtime_place(one) == rp2040._runtime_place(dict(one)) != rp2040._runtime_place({"firmware/main.py": b"2"})


def test_what_is_not_built_is_named_with_the_command_that_builds_it(tmp_path, monkeypatch):
    monkeypatch.setattr(rp2040, "CACHE", tmp_path)
    for thing in (rp2040.runtime, rp2040.boot_rom, rp2040.emulator_library):
        with pytest.raises(paths.NotSetUp, match="make boards-all"):
            thing()


def test_the_lock_of_the_emulator_has_a_hash_for_each_package_and_no_address():
    text = (rp2040.EMULATOR / "package-lock.json").read_text()
    packages = {name: entry for name, entry in json.loads(text)["packages"].items() if name}
    assert packages and all(re.fullmatch(r"sha512-[\w+/]{86}==", entry["integrity"]) for entry in packages.values())
    assert "resolved" not in text and "://" not in text
