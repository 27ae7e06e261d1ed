"""A gateway that was offline until its journal was full, killed again and again meanwhile, with payments waiting for it.

Reserves are used up and nothing may be pruned, because the head-end has acknowledged nothing. When the link returns, the very
first messages may be credits for which there is no room: the acknowledgements that make room stand behind them.
"""

import os

from tests.scenarios.many_lives import Plan, world
from tests.scenarios.settling import settle

SEED = int(os.environ.get("KILLS_SEED", "645"))
BLOCKS = 13  # as few as the firmware asks for 3 accounts
RESERVE_BLOCKS = 8  # below it only credits, restores and the books themselves are written
FIRST_SECONDS = 1.5  # until every meter was read once
ONLINE, OFFLINE, OFFLINE_MAX = 4, 50, 200  # lives; on a busy machine each gets less done, and more are needed until it is full


def test_a_journal_that_filled_while_offline_recovers_when_the_link_returns(tmp_path):
    with world(tmp_path, SEED, blocks=BLOCKS) as lives:
        for number in range(ONLINE + OFFLINE_MAX):
            if number >= ONLINE + OFFLINE and lives.free_blocks <= RESERVE_BLOCKS:
                break
            lives.tap.is_open = number < ONLINE
            seconds = lives.draw.uniform(0.2, 0.4) if number else FIRST_SECONDS
            lives.live(Plan(seconds, number, actions=(0.05, 0.08)))
            assert not lives.witness.faults, lives.witness.faults
        lives.judge_all()
        lives.tap.is_open = True
        settle(lives)
    assert lives.free_blocks <= RESERVE_BLOCKS, f"never less than {lives.free_blocks} blocks free"
    assert not lives.witness.faults, f"seed {SEED}, {lives.free_blocks} blocks free: {lives.witness.faults}"
