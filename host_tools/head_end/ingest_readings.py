"""up/readings: each reading by itself, so that a malformed one costs no other (SPEC 5.2).

Trap avoided: a reading that can never be stored would be asked for, and sent, for ever; its number is passed over and counted.
"""

from host_tools.head_end import gaps
from host_tools.head_end.database import Database
from host_tools.head_end.heard import Heard
from host_tools.head_end.messages import BadReading, ReadingItem, ReadingsMessage

SENTENCES_MAX = 3  # of one message; all are counted


def take_readings(db: Database, gateway_id: int, name: str, message: ReadingsMessage, now_s: int) -> Heard:
    """Store what is good, name what is not."""
    heard = Heard(name, "readings")
    for reading in message.readings:
        _store(db, gateway_id, name, reading, now_s)
    _name_bad(db, gateway_id, name, message.bad, message.live, now_s)
    reached = gaps.advance_readings(db, gateway_id)
    first = min((item.number for item in [*message.readings, *message.bad] if item.number), default=0)
    if not message.live and first > reached + 1:
        if gaps.never_comes(db, gateway_id, reached + 1, first, now_s):
            reached = _pass_over(db, gateway_id, name, reached, first, now_s)
        if first > reached + 1:
            heard.resend_readings_from = reached + 1
    heard.stored = len(message.readings)
    return heard


def _pass_over(db: Database, gateway_id: int, name: str, reached: int, first: int, now_s: int) -> int:
    """Readings before `first` that an earlier database of a head-end held; what nobody acknowledged is still owed."""
    last = min(first - 1, gaps.acknowledged_readings(db, gateway_id))
    if last <= reached:
        return reached
    gaps.keep(db, gateway_id, name, gaps.READINGS, reached + 1, last, "pruned", now_s)
    return gaps.advance_readings(db, gateway_id)


def _name_bad(db: Database, gateway_id: int, name: str, bad: list[BadReading], live: bool, now_s: int) -> None:
    for place, item in enumerate(bad):
        if place < SENTENCES_MAX:
            db.report(name, now_s, "bad_reading", f"reading {item.number or 'without a number'}: {item.sentence}")
        else:
            db.count(name, "bad_reading")
        if item.number and not live:  # a live one comes again in its turn
            held = db.row("SELECT 1 FROM readings WHERE gateway_id = ? AND number = ?", gateway_id, item.number)
            if held is None and item.number > db.number("SELECT readings_held FROM gateways WHERE id = ?", gateway_id):
                gaps.keep(db, gateway_id, name, gaps.READINGS, item.number, item.number, "malformed", now_s)


def _store(db: Database, gateway_id: int, name: str, item: ReadingItem, now_s: int) -> None:
    values = (item.account, item.at_s, item.quality, item.marks, *item.registers, item.power_w, item.status_word)
    stored = db.run(
        "INSERT OR IGNORE INTO readings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        gateway_id,
        item.number,
        *values,
        now_s,
    )
    if stored.rowcount == 0:
        old = db.row("SELECT * FROM readings WHERE gateway_id = ? AND number = ?", gateway_id, item.number)
        # marks may have changed between the live copy and the stored one; the registers may not
        if old is not None and (tuple(old)[2:4], tuple(old)[6:11]) != (values[0:2], values[4:9]):
            db.report(name, now_s, "reading_conflict", f"reading {item.number} comes with other values; the first is kept")
