"""Fifty seeds of the simulation, a third of a day each, all kinds of fault; `make sim` plays as many as you like."""

from __future__ import annotations

import pytest

from tests.sim.__main__ import command
from tests.sim.options import draw
from tests.sim.story import play

pytestmark = pytest.mark.slow
DAYS = 0.3


@pytest.mark.parametrize("seed", range(2000, 2050))
def test_a_life_with_faults_ends_in_agreement(seed: int) -> None:
    verdict = play(draw(seed, DAYS))
    assert not verdict.sentence, "\n".join([verdict.sentence, *verdict.notes, command(seed, DAYS, 0, frozenset())])
