"""Boards that are lost: another one begins with an old copy of the flash, or with none, and the head-end gives it its signed state.

What the judges believe goes back with the flash. At the EPOCH that the head-end gave they take what the head-end's own records add up
to, by their own fold, and hold each row of the state against it. Files of documents are those of the site: they stay.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from host_tools.journal_reader import Record, kinds, parse_record
from tests.sim.books import Books

if TYPE_CHECKING:
    from tests.sim.world import World

STANDING, SOUND = 5, 0  # EVENT code and value

class Boards:
    """`keep()` makes a copy, `lose()` asks for the exchange of the board at the next loss of power."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.behind = False  # the head-end has not compared yet
        self._kept: tuple[tuple[bytes, bytes], Books] | None = None
        self._lost = self._blank = False

    def keep(self) -> None:
        self._kept = (self.world.flash.copy(), self._books_now())
        self.world.note(f"a copy of the flash is kept, up to {self.world.judge.books.sequence}")

    def lose(self, blank: bool) -> None:
        self._lost, self._blank = True, blank

    def swap(self) -> None:
        """The power is gone."""
        if not self._lost or not self._blank and self._kept is None:
            self._lost = False
            return
        world, self._lost, self.behind = self.world, False, True
        if self._blank or self._kept is None:
            world.flash.put(None)
            self._believe(Books())
            world.note("another board, with nothing on its flash")
            return
        image, books = self._kept
        world.flash.put(image)
        (world.folder / "restored").write_text("")
        self._believe(self._copied(books))
        world.note(f"another board, with the copy up to {books.sequence}")

    def on_record(self, record: Record) -> None:
        """A meter that is bound counts from where it stands; a state, or an agreement that the gateway tells of, ends the doubt."""
        if record.kind == kinds.SEGMENT and record.octets("serial") in self.world.meters:
            self.world.meters[record.octets("serial")].held = False
        agrees = record.kind == kinds.EVENT and (record.number("code"), record.number("value")) == (STANDING, SOUND)
        if agrees or record.kind == kinds.EPOCH and record.number("reason") == 2:
            self.behind = False

    def state(self) -> Books:
        """What the head-end's records add up to."""
        books = self._believed(Books())
        books.state_of = lambda: books  # states before: they brought nothing but credits
        for row in self.world.central.db.rows("SELECT raw FROM records WHERE gateway_id = 1 ORDER BY sequence"):
            for _ in books.fold(parse_record(bytes(row["raw"])), 0):
                pass  # judged when it came
        return books

    def _books_now(self) -> Books:
        return self._copied(self.world.judge.books)

    def _copied(self, books: Books) -> Books:
        """Its own accounts and history; what is true for all of them stays one."""
        shared = [books.issued, books.tariffs, books.documents, books.counts, books.released, books.refused, books.closed, books.state_of]
        shared.append(books.truth)
        return copy.deepcopy(books, {id(one): one for one in shared})

    def _believe(self, books: Books) -> None:
        now = self.world.judge.books
        self._believed(books).policy_version = now.policy_version
        books.counts, books.state_of = now.counts, now.state_of
        self.world.judge.books = books

    def _believed(self, books: Books) -> Books:
        """With what is true for everybody."""
        now = self.world.judge.books
        books.issued, books.tariffs, books.documents = now.issued, now.tariffs, now.documents
        books.truth = now.truth
        books.released, books.refused, books.offset_s, books.closed = now.released, now.refused, now.offset_s, now.closed
        return books
