"""The database: opened with WAL and foreign keys, brought to the newest form by numbered migrations.

Trap avoided: an acknowledgement speaks for what survives a power cut of this machine, so commits are synced (FULL).
"""

import fcntl
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from host_tools.head_end.errors import BadInput

MIGRATIONS = Path(__file__).parent / "migrations"
REPORTS_MAX = 10_000


class Database:
    """One connection. `transaction()` takes the write lock at once, so two writers never deadlock half-way."""

    lock: BinaryIO | None

    def __init__(self, path: str | Path, may_begin: bool = True) -> None:
        if not may_begin and not Path(path).exists():
            raise BadInput("db", f"{path} does not exist; `gateway add` or `import` begins one")
        self.path, self.lock = path, None
        try:
            self.connection = sqlite3.connect(str(path), isolation_level=None, timeout=10)
            self.connection.row_factory = sqlite3.Row
            self.connection.execute("PRAGMA journal_mode = WAL")
            self.connection.execute("PRAGMA synchronous = FULL")
            self.connection.execute("PRAGMA foreign_keys = ON")
            self._migrate()
        except (sqlite3.Error, UnicodeEncodeError) as fault:
            raise BadInput("db", f"{path} cannot be used: {fault}") from fault

    def close(self) -> None:
        self.connection.close()
        if self.lock is not None:
            self.lock.close()

    def serve_alone(self) -> None:
        """Two servers would take the broker from each other without end. The lock goes with the process, however it ends.

        It is a file of its own: SQLite loses its locks when somebody else in the process closes the database file.
        """
        lock = open(f"{self.path}-serve", "ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as fault:
            lock.close()
            raise BadInput("db", f"{self.path} is served by another process already") from fault
        self.lock = lock

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; inside another transaction it is part of that one."""
        if self.connection.in_transaction:
            yield
            return
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def run(self, sql: str, *values: object) -> sqlite3.Cursor:
        return self.connection.execute(sql, values)

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        return self.connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: object) -> sqlite3.Row | None:
        found = self.connection.execute(sql, values).fetchone()
        return found if isinstance(found, sqlite3.Row) else None

    def number(self, sql: str, *values: object) -> int:
        """The first column of the first row as an integer; 0 when there is none."""
        found = self.connection.execute(sql, values).fetchone()
        return int(found[0]) if found and found[0] is not None else 0

    def data_version(self) -> int:
        """Changes when another connection has committed."""
        return self.number("PRAGMA data_version")

    def count(self, gateway: str, name: str, step: int = 1) -> None:
        self.run(
            "INSERT INTO counters VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value",
            gateway,
            name,
            step,
        )

    def report(self, gateway: str, at_s: int, what: str, sentence: str) -> None:
        """Count it and keep the sentence."""
        self.count(gateway, what)
        self.tell(gateway, at_s, what, sentence)

    def tell(self, gateway: str, at_s: int, what: str, sentence: str) -> None:
        """Keep the sentence; the oldest go first."""
        self.run("INSERT INTO reports (gateway, at_s, what, sentence) VALUES (?, ?, ?, ?)", gateway, at_s, what, sentence)
        self.run("DELETE FROM reports WHERE id <= (SELECT max(id) FROM reports) - ?", REPORTS_MAX)

    def _migrate(self) -> None:
        files = sorted(MIGRATIONS.glob("[0-9][0-9][0-9][0-9]_*.sql"))
        newest = int(files[-1].name[:4])
        have = self.number("PRAGMA user_version")
        if have > newest:
            raise BadInput("db", f"is of form {have}, newer than this program's {newest}")
        if have == newest:
            return
        with self.transaction():
            have = self.number("PRAGMA user_version")  # another process may have been faster
            for file in files:
                number = int(file.name[:4])
                if number <= have:
                    continue
                for statement in _statements(file.read_text()):
                    self.run(statement)
                self.run(f"PRAGMA user_version = {number}")
            name = "head-end-" + secrets.token_hex(4)
            self.run("INSERT OR IGNORE INTO head_end VALUES (1, ?, ?)", name, secrets.token_bytes(32))


def _statements(text: str) -> Iterator[str]:
    """Whole statements of a migration; executescript would commit behind our back."""
    pending = ""
    for line in text.splitlines():
        pending += line + "\n"
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
    if pending.strip():
        raise ValueError("a migration ends inside a statement")
