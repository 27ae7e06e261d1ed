"""The power cuts that tests/powercut samples: each byte of large units, and many second cuts of the hall; on MicroPython, minutes."""

from typing import Any

import pytest

UNITS_OF_256 = "-X heapsize=8M -m tests.powercut.sweep 256 all"
HALL_TWICE = "-X heapsize=40M -m tests.powercut.hall_sweep twice 9"
POINTS, AGAIN = 29_000, 3_000  # at least


@pytest.mark.parametrize("job", [UNITS_OF_256])
def test_a_cut_at_every_byte_of_large_units_loses_nothing(told: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    _say(capsys, told[-1])
    assert told[-1]["found"] == [] and told[-1]["points"] >= POINTS


@pytest.mark.parametrize("job", [HALL_TWICE])
def test_a_second_cut_in_one_life_of_nine_of_the_hall_loses_nothing(told: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    _say(capsys, told[-1])
    assert told[-1]["found"] == [] and told[-1]["again"] >= AGAIN


def _say(capsys: pytest.CaptureFixture[str], told: dict[str, Any]) -> None:
    with capsys.disabled():
        print("\n  " + ", ".join(f"{name} {value}" for name, value in sorted(told.items()) if name != "found"))
