"""One running board for the tests that do it no harm."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from host_tools.board import ConsoleClient
from tests.host.board.wires import Cable, board_on, scene_in
from tests.running_gateway import Scene, meters

READ_WITHIN_S = 40.0


@dataclass
class Running:
    """Its cable and what lies in its folder."""

    cable: Cable
    scene: Scene


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The firmware on MicroPython, all its meters read."""
    scene = scene_in(tmp_path_factory.mktemp("board") / "site")
    with meters(scene), Cable() as cable, board_on(cable, scene):
        with ConsoleClient(cable.port, answer_s=READ_WITHIN_S) as board:
            board.hello()
            wait_until_read(board, scene.meters)
        yield Running(cable, scene)


def wait_until_read(board: ConsoleClient, count: int) -> None:
    """Until every meter has a register."""
    for _ in range(200):
        rows = [row["meter"] for row in board.rows("meters")]
        if len(rows) == count and all(row[13] is not None for row in rows):
            return
        board.listen(0.2)
    raise AssertionError("the meters were not read")
