"""The head-end with one gateway, for the tests of this folder."""

from pathlib import Path

import pytest

from tests.host.head_end.books import Books


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(tmp_path)
