"""A statement of one account's last days, read from the journal (part of the hall). Loaded for one call: people ask for it seldom.

Charges are filed by the local day of their energy, credits by the day on which they were booked. The last day closes with the balance
that stands in the books; each opening is its closing less the credits plus the charges of that day and what went to a debt, so
what was before the first day shown need not be read, and may be pruned. Energy times price is money exactly, so the energy of a line
is its money by its price; where that is 0 its registers and today's ratio tell it.

Trap avoided: the charge that ends a day bears the midnight behind it.
"""

from firmware.base import days
from firmware.base.port import const
from firmware.ledger import record
from firmware.ledger import record_kinds as kinds

PIECE_BYTES = const(512)
PIECES_UNTOLD = const(16)
MARKS = const(3)  # CHARGE: estimated, or a midnight that nobody split
FEE = const(6)  # CHARGE causes without energy: this one and those above
CHARGE_FIELDS = const(13)
ROLLOVER_CWH = const(100_000_000)


def statement(ledger, account, now_s, utc_offset_min, count):
    """Rows: now and then {"searched": sequence} or None, {"since": oldest day that the journal tells whole}, then for each of the last
    `count` days {"day": [...]} with its {"energy": [...]}; None instead of them for an account that is not here."""
    return None if ledger.accounts.row_of(account) < 0 else _rows(ledger, account, now_s, utc_offset_min, count)


def _rows(ledger, account, now_s, utc_offset_min, count):
    row = ledger.accounts.row_of(account)
    today = days.day_number(max(now_s, ledger.accounts.get(row, "charged_at_s")), utc_offset_min)
    found, totals = {today: _nothing()}, {}
    first_day = today - count + 1
    sequence, pieces, oldest_s = ledger.journal.first_sequence, 0, 0
    while True:
        piece = ledger.outbox.journal_from(sequence, PIECE_BYTES)
        if piece is None or not piece[3]:
            break
        for raw in piece[3]:
            _, kind, _, at_s, _ = record.HEAD.unpack(raw, 0)
            oldest_s = oldest_s or at_s
            if kind in (kinds.CHARGE, kinds.CREDIT, kinds.RECOVERY):
                values = record.values_of(raw, 0, len(raw))
                if values is not None and values[0] == account:
                    _add(found, totals, kind, values, at_s, (utc_offset_min, first_day, ledger.accounts.ratio_of(row)))
        sequence = piece[1] + len(piece[3])
        pieces += 1
        yield {"searched": sequence} if pieces % PIECES_UNTOLD == 0 else None
    whole_day = days.day_number(oldest_s, utc_offset_min) if ledger.journal.first_sequence > 1 else 0
    yield {"since": max(first_day, whole_day + 1 if whole_day else 0)}
    openings = {}
    closing_ucu = ledger.accounts.balance_ucu(row)
    for day in sorted(found, reverse=True):
        charges_ucu, _, _, credits_ucu, _, debt_ucu = found[day]
        openings[day] = (closing_ucu + charges_ucu + debt_ucu - credits_ucu, closing_ucu)
        closing_ucu = openings[day][0]
    for day in sorted(found):
        charges_ucu, fees_ucu, estimated_ucu, credits_ucu, energy, debt_ucu = found[day]
        yield {"day": [day, openings[day][0], charges_ucu, fees_ucu, estimated_ucu, credits_ucu, openings[day][1], debt_ucu]}
        for key in sorted(energy):
            yield {"energy": [day] + list(key) + energy[key]}


def _nothing():
    """Charges, fees and estimated charges among them, credits, {(rate, band, step): [energy_cwh, amount_ucu]}, what went to a debt."""
    return [0, 0, 0, 0, {}, 0]


def _add(found, totals, kind, values, at_s, window):
    utc_offset_min, first_day, ratio = window
    if kind == kinds.CREDIT:
        moved_ucu = _credited(totals, values)
        day = days.day_number(at_s, utc_offset_min)
    elif kind == kinds.RECOVERY:
        day = days.day_number(at_s, utc_offset_min)
    elif len(values) > CHARGE_FIELDS:
        day = values[13]
    else:
        day = days.day_number((values[5] or at_s) - 1, utc_offset_min)
    if day < first_day:
        return
    line = found.setdefault(day, _nothing())
    if kind == kinds.CREDIT:
        line[3] += moved_ucu
        return
    if kind == kinds.RECOVERY:
        line[5] += values[4]
        return
    price, amount_ucu, cause, marks = values[8], values[9], values[11], values[12]
    line[0] += amount_ucu
    if cause >= FEE:
        line[1] += amount_ucu
        return
    if marks & MARKS:
        line[2] += amount_ucu
    key = (values[2], values[17], values[18]) if len(values) > CHARGE_FIELDS else (values[2], 0, 0)
    energy = line[4].setdefault(key, [0, 0])
    energy[0] += amount_ucu // price if price else (values[4] - values[3]) % ROLLOVER_CWH * ratio
    energy[1] += amount_ucu


def _credited(totals, values):
    """What a credit brought: with those of lower numbers that never came."""
    _, issuer, number, amount_ucu, total_ucu = values
    known = totals.get(issuer)
    if known is not None and number <= known[0]:
        return 0
    totals[issuer] = (number, total_ucu)
    return amount_ucu if known is None else total_ucu - known[1]
