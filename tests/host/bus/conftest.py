"""Lets the tests of a file that mostly wait - for silence, for a slow line - wait side by side.

    @waits
    def test_something(folder): ...         `folder` is a fresh one

The first of them begins all that were chosen, each in a thread; every test then takes its own result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.host.bus.bench import BESIDE_MAX, body_of


@pytest.fixture(scope="module")
def together(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable]:
    """body -> its result, or what it raised."""
    bodies = [body_of(item.function) for item in request.session.items if getattr(item, "module", None) is request.module]
    with ThreadPoolExecutor(BESIDE_MAX) as pool:
        begun: dict[Callable, Future] = {}
        for body in bodies:
            if body is not None and body not in begun:
                folder: Path = tmp_path_factory.mktemp("beside")
                begun[body] = pool.submit(body, folder)
        yield lambda body: begun[body].result()
