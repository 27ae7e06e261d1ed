"""The test kit must be able to fail: each way a file goes bad under MicroPython, in a small checkout made for it."""

import re
import shutil
import subprocess

import pytest

from host_tools.set_up import paths
from tests.kit import cases, eq, raises

GOOD = "from tests.kit import eq\ndef test_sum():\n    eq(1 + 1, 2)\n"
TWO = "def test_a():\n    pass\ndef test_b():\n    %s\ndef test_c():\n    pass\n"
ON_MICRO = "import sys\nif sys.implementation.name == 'micropython':\n    %s\n"

slow = pytest.mark.slow  # each starts pytest anew


@pytest.fixture
def run(tmp_path):
    """Runs one room file in a checkout of its own; answers {item: outcome} and all that pytest printed."""
    here = paths.checkout()
    rooms = tmp_path / "tests" / "rooms" / "demo"
    rooms.mkdir(parents=True)
    for name in ("__init__.py", "kit.py", "kit_runner.py", "beside.py", "compiled.py", "lanes.py"):
        shutil.copy(here / "tests" / name, tmp_path / "tests" / name)
    conftest = (here / "tests" / "conftest.py").read_text()
    patient = re.search(r"^FILE_SECONDS_MAX = \d+$", conftest, re.M)
    (tmp_path / "tests" / "conftest.py").write_text(conftest.replace(patient.group(), "FILE_SECONDS_MAX = 2"))
    for name in ("set_up", "flash"):
        shutil.copytree(here / "host_tools" / name, tmp_path / "host_tools" / name)
    shutil.copy(here / "pyproject.toml", tmp_path)
    (tmp_path / ".venv").symlink_to((here / ".venv").resolve())

    def run_file(text: str) -> tuple[dict[str, str], str]:
        (rooms / "test_it.py").write_text(text)
        said = subprocess.run(
            [paths.python(), "-m", "pytest", "-v", "-p", "no:cacheprovider"],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        ).stdout
        return dict(re.findall(r"::(\S+) (PASSED|FAILED|ERROR)", said)), said

    return run_file


@slow
def test_a_good_file_gives_one_item_per_interpreter_and_a_comparison(run):
    outcome, said = run(GOOD)
    assert outcome == dict.fromkeys(("test_sum", "test_sum[micropython]", "same_tests[micropython]"), "PASSED"), said


@slow
def test_a_wrong_value_on_micropython_alone_fails_that_item_showing_got_and_want(run):
    wrong = "import sys\nfrom tests.kit import eq\ndef test_x():\n    eq(sys.implementation.name, 'cpython')\n"
    outcome, said = run(wrong)
    assert outcome["test_x"] == "PASSED" and outcome["test_x[micropython]"] == "FAILED"
    assert "got  str 'micropython'" in said and "want str 'cpython'" in said and "test_it.py" in said


@slow
def test_a_test_seen_by_one_interpreter_only_fails_the_comparison(run):
    for name in ("cpython", "micropython"):
        hidden = f"import sys\ndef test_a():\n    pass\nif sys.implementation.name == '{name}':\n    def test_b():\n        pass\n"
        outcome, said = run(hidden)
        assert outcome["same_tests[micropython]"] == "FAILED" and "['test_b']" in said, said


@slow
def test_an_import_that_fails_on_micropython_fails_every_item_of_the_file(run):
    outcome, said = run(ON_MICRO % "import no_such_thing" + GOOD)
    assert outcome["test_sum"] == "PASSED" and "no_such_thing" in said
    assert outcome["test_sum[micropython]"] == outcome["same_tests[micropython]"] == "FAILED"


@slow
def test_a_crash_is_laid_on_its_test_and_those_behind_it_do_not_pass(run):
    crash = "import sys, os\n" + TWO % "sys.implementation.name == 'cpython' or os.system('kill -9 $PPID')"
    outcome, said = run(crash)
    assert outcome["test_a[micropython]"] == "PASSED", said
    assert outcome["test_b[micropython]"] == outcome["test_c[micropython]"] == "FAILED"
    assert outcome["same_tests[micropython]"] == "FAILED" and "code -9 in this test" in said


@slow
def test_a_hang_is_ended_and_laid_on_its_test(run):
    hang = "import sys\n" + TWO % "\n    while sys.implementation.name != 'cpython':\n        pass"
    outcome, said = run(hang)
    assert outcome["test_a[micropython]"] == "PASSED", said
    assert outcome["test_b[micropython]"] == outcome["test_c[micropython]"] == "FAILED"
    assert "was ended after 2 s in this test" in said


@slow
def test_a_test_that_leaves_by_sys_exit_or_returns_something_fails(run):
    for leave in ("import sys; sys.exit(0)", "return 5"):
        outcome, said = run(TWO % leave)
        assert outcome["test_b[micropython]"] == "FAILED" and outcome["test_c[micropython]"] == "PASSED", said


@slow
def test_a_file_without_tests_fails(run):
    outcome, said = run("x = 1\n")
    assert outcome == {"same_tests[micropython]": "FAILED"}, said


def test_the_checks_fail_when_they_should():
    said = str(raises(AssertionError, eq, b"\x01\xff", bytearray(b"\x01\xfe"), "frame"))
    assert "frame" in said and "bytes(2: 01 ff)" in said and "bytearray(2: 01 fe)" in said
    assert "ValueError was not raised" in str(raises(AssertionError, raises, ValueError, int, "5"))
    raises(ValueError, raises, KeyError, int, "five")
    said = str(raises(AssertionError, cases, [(1, 1), (1, 2), (3, 4)], eq))
    assert "2 of 3 cases failed" in said and "case 1 (1, 2)" in said and "case 2" in said
    raises(AssertionError, cases, [], eq)
