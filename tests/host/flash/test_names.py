"""The runtime image of the emulated board knows the application's names, which its small heap would have to hold otherwise."""

import pytest

from host_tools.flash import names
from host_tools.flash.application import make_application
from host_tools.set_up import paths

NEW_NAMES_PERCENT_MAX = 5


@pytest.fixture(scope="module")
def program() -> dict[str, bytes]:
    return make_application(names.BOARD, description="names").program


def test_the_list_holds_nearly_every_name_of_the_application(program):
    known = names.listed((paths.checkout() / names.PLACE).read_text())
    wanted = names.listed(names.list_text(names.names_of_application(program)))
    missing = sorted(wanted - known)
    assert len(wanted) > 1000
    assert len(missing) * 100 <= len(wanted) * NEW_NAMES_PERCENT_MAX, f"run `python -m {names.__name__}`: {missing[:10]} ..."


def test_names_are_read_from_a_compiled_file(program):
    found = names.names_of(program["firmware/linked.mpy"])
    assert {"diff", "reached", "firmware/linked.py"} <= found
    assert {"firmware.linked", "firmware.main"} <= names.names_of_application(program)
    assert "range" not in found  # every interpreter brings that one


def test_a_list_is_sorted_and_holds_what_a_build_can_take():
    text = names.list_text({"b", "a", "linux", "with blank", "a/b.py", "é", "", "1st"})
    assert text == "a a/b.py b linux\n"
    assert all(len(line) < names.LINE_CHARS_MAX for line in names.list_text(f"name_{n}" for n in range(900)).splitlines())
