"""The head-end with one gateway, for the tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.head_end.books import Books
from tests.host.head_end.site import Site


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(tmp_path)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    made.start_broker()
    yield made
    made.close()
