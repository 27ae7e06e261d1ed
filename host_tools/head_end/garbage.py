"""What does not verify, gathered and written a batch at a time.

Trap avoided: a synced transaction for each bad packet makes a flood of them slower than the packets behind it can wait.
"""

from host_tools.head_end.database import Database

SENTENCES_MAX = 5  # of one kind and gateway in a batch; all are counted


class Garbage:
    """`add` keeps in memory, `write` puts all of it into the database."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self._counts: dict[tuple[str, str], int] = {}
        self._sentences: list[tuple[str, int, str, str]] = []

    def add(self, gateway: str, at_s: int, what: str, sentence: str = "") -> None:
        count = self._counts[(gateway, what)] = self._counts.get((gateway, what), 0) + 1
        if sentence and count <= SENTENCES_MAX:
            self._sentences.append((gateway, at_s, what, sentence))

    def write(self) -> None:
        if not self._counts:
            return
        with self.db.transaction():
            for (gateway, what), count in self._counts.items():
                self.db.count(gateway, what, count)
            for told in self._sentences:
                self.db.tell(*told)
        self._counts, self._sentences = {}, []
