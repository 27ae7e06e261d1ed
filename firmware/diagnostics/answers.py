"""What the console answers to each request: rows one by one, so that nothing is gathered that grows with the accounts (SPEC 7). Pure.

`rows(request, now_ms)` is a generator of dicts, one a line; None means that nothing can be said at this moment. Refused
ends it with a reason. `view` is the hall's (console_view.py), `ring` the events, `note(code, account, value)` adds one.

Trap avoided: an answer that is made at once needs a heap and a line as long as the board has meters.
"""

from binascii import hexlify

from firmware.base.faults import Refused
from firmware.base.port import const
from firmware.diagnostics import event_ring as events
from firmware.diagnostics import maintenance as orders

PROTOCOL = const(1)
U32_MAX = 0xFFFFFFFF
COUNT_MAX = const(0x3FFFFFFF)  # a slice takes no larger number on a board of 32 bits
PIECE_BYTES = const(512)  # of the journal at a time, on the heap
RECORDS_ASKED = const(20)  # unless the asker says otherwise
THEN_MAX = const(20)  # records that followed a decision
SCANNED_MAX = const(4_000)  # records looked at for them
PIECES_UNTOLD = const(16)
STATEMENT_DAYS = const(7)  # unless the asker says otherwise
STATEMENT_DAYS_MAX = const(31)


class Answers:
    """Answers(view, ring, note, maintenance)."""

    def __init__(self, view, ring, note, maintenance):
        self._view = view
        self._ring = ring
        self._note = note
        self.maintenance = maintenance
        self._now_ms = 0
        self._known = {
            "status": self._status,
            "meters": self._meters,
            "accounts": self._accounts,
            "visits": self._visits,
            "brake": self._brake,
            "events": self._events,
            "journal": self._journal,
            "why": self._why,
            "statement": self._statement,
            "logs": self._logs,
            "challenge": self._challenge,
            "maintenance": self._maintenance,
        }

    def rows(self, request, now_ms):
        """The generator for one request; Refused when there is no such request."""
        answer = self._known.get(request.ask)
        if answer is None:
            raise Refused("unknown", ", ".join(sorted(self._known)) + ", watch")
        self._now_ms = now_ms
        return answer(request)

    def _status(self, request):
        about = self._view.about()
        about["protocol"] = PROTOCOL
        yield {"about": about}
        for name in self._view.PARTS:
            yield {name: self._view.part(name)}

    def _meters(self, request):
        for index in range(self._view.count()):
            yield {"meter": self._view.meter(index)}

    def _accounts(self, request):
        for index in range(self._view.count()):
            yield {"account": self._view.account(index)}

    def _visits(self, request):
        for index in range(self._view.count()):
            row = self._view.visit(index)
            if row is not None:
                yield {"visit": row}

    def _brake(self, request):
        yield {"brake": self._view.brake()}
        for index in range(self._view.count()):
            row = self._view.held_cut(index)
            if row is not None:
                yield {"held": row}

    def _events(self, request):
        ring = self._ring
        number = max(ring.first, request.number("from", 0, U32_MAX, 0))
        while number <= ring.last:
            row = ring.row(number)
            if row is not None:
                yield {"event": row}
            number += 1

    def _journal(self, request):
        oldest, last = self._view.held()
        count = request.number("count", 1, COUNT_MAX, RECORDS_ASKED)
        sequence = request.number("from", 1, U32_MAX, max(oldest, last - count + 1, 1))
        yield {"held": (oldest, last)}
        while count > 0:
            piece = self._view.piece(sequence, PIECE_BYTES)
            if piece is None:
                return
            epoch, first, chain, records = piece
            yield {"piece": (epoch, first, _hex(chain))}
            for raw in records[:count]:
                yield {"bytes": _hex(raw)}
            count -= len(records)
            sequence = first + len(records)

    def _why(self, request):
        account = request.number("account", 1, U32_MAX)
        parts = self._view.facts(account)
        if parts is None:
            raise Refused("account")
        yield {"account": self._view.account(self._view.index_of(account))}
        for part in parts:
            yield {"facts": part}
        sequence = self._view.last_decision(account)
        if not sequence:
            return
        scanned = told = pieces = 0
        while scanned < SCANNED_MAX and told < THEN_MAX:
            piece = self._view.piece(sequence, PIECE_BYTES)
            if piece is None:
                return
            _, first, _, records = piece
            for raw in records:
                if first == self._view.last_decision(account):
                    yield {"decision": _hex(raw)}
                elif self._view.follows(raw, account):
                    told += 1
                    yield {"then": _hex(raw)}
                first += 1
            scanned += len(records)
            sequence = first
            pieces += 1
            # a long way through the journal, in short steps; who waits for it sees that it goes on
            yield {"searched": sequence} if pieces % PIECES_UNTOLD == 0 else None
        yield {"stopped": sequence}

    def _statement(self, request):
        account = request.number("account", 1, U32_MAX)
        rows = self._view.statement(account, request.number("days", 1, STATEMENT_DAYS_MAX, STATEMENT_DAYS))
        if rows is None:
            raise Refused("account")
        for row in rows:
            yield row

    def _logs(self, request):
        for text in self._view.troubles():
            yield {"trouble": text}
        text = self._view.last_fault()
        for at in range(0, len(text), 160):
            yield {"last_fault": text[at : at + 160]}

    def _challenge(self, request):
        yield {"nonce": self._ask_maintenance(request)}

    def _ask_maintenance(self, request):
        """Both halves of the order, with what a person should know of it noted."""
        order = self.maintenance
        try:
            if request.ask == "challenge":
                return order.challenge(self._now_ms)
            order.order(request.number("seconds", 0, U32_MAX), request.text("mac"), self._now_ms)
        except Refused as refusal:
            if refusal.reason == orders.BAD_MAC:
                self._note(events.WRONG_MAC, 0, order.wrong)
            if refusal.reason == orders.TOO_SOON:
                raise Refused(orders.TOO_SOON, str(order.pause_ms(self._now_ms)))
            raise
        self._note(events.MAINTENANCE_ASKED, 0, order.seconds)
        return None

    def _maintenance(self, request):
        self._ask_maintenance(request)
        order = self.maintenance
        yield {"accepted": order.seconds}
        while order.state == orders.HELD:
            yield None
        if order.state == orders.FAILED:
            raise Refused("storage")
        yield {"leaves": {"seconds": order.seconds, "synced": order.synced, "resting": order.resting}}


def _hex(data):
    return hexlify(data).decode()
