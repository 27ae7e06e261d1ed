"""Notices leave: rendered in the customer's language, held in quiet hours, tried a bounded number of times, receipts taken.

A try is written down before it is made, so that a process that dies in the middle has used it up; the next one says the same name and
the same text. A warning whose arrival is reported goes to the gateway as order 11 where the policy counts text messages.
"""

import fcntl
import json
import re
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from host_tools.head_end import visits
from host_tools.head_end.commands import Answer, known_account, parse_account
from host_tools.head_end.covered import covering
from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadInput
from host_tools.head_end.notice_text import LANGUAGES, TEMPLATES, Place, Words, place_of
from host_tools.head_end.outbox import make
from host_tools.head_end.senders import AGAIN, DELIVERED, REFUSED, TAKEN, Notice, Outcome, Sender

TRIES_MAX = 6
PAUSE_FIRST_S = 60  # then twice as long each time: the last try is half an hour after the first
AT_ONCE_MAX = 100
STALE_S = {"stop": 7 * 86_400, "restore": 86_400, "receipt": 7 * 86_400}  # a warning holds as long as its episode
DAY_MIN = 1440


@dataclass(frozen=True)
class Quiet:
    """Local minutes of the day in which nobody is disturbed; equal: never."""

    start_min: int
    end_min: int

    def ends_at_s(self, now_s: int, utc_offset_min: int) -> int | None:
        """When the quiet hours that hold now end, None outside them."""
        minute = (now_s // 60 + utc_offset_min) % DAY_MIN
        if (minute - self.start_min) % DAY_MIN >= (self.end_min - self.start_min) % DAY_MIN:
            return None
        return (now_s // 60 + (self.end_min - minute) % DAY_MIN) * 60


NEVER_QUIET = Quiet(0, 0)


def parse_quiet(text: str) -> Quiet:
    """`21:00-08:00`, or `none`."""
    if text == "none":
        return NEVER_QUIET
    found = re.fullmatch(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])", text, re.ASCII)
    if found is None:
        raise BadInput("quiet", f"must be two times such as 21:00-08:00, or none, got {text!r}")
    hour, minute, end_hour, end_minute = map(int, found.groups())
    return Quiet(60 * hour + minute, 60 * end_hour + end_minute)


@dataclass
class Sending:
    """One process at a time: `alone()` first."""

    db: Database
    sender: Sender
    quiet: Quiet = NEVER_QUIET
    templates: Path = TEMPLATES
    lock: BinaryIO | None = None
    words: dict[str, Words] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.words = {language: Words(language, self.templates) for language in LANGUAGES}

    def alone(self) -> None:
        """The lock goes with the process, however it ends."""
        self.lock = open(f"{self.db.path}-notices", "ab")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as fault:
            self.lock.close()
            raise BadInput("db", f"the notices of {self.db.path} are sent by another process already") from fault

    def round(self, now_s: int) -> int:
        """Make what is new and send what is due -> how many were handed over."""
        make(self.db, now_s)
        sent = 0
        rows = self.db.rows("SELECT id FROM outbox WHERE state = 'waiting' AND due_at_s <= ? ORDER BY id LIMIT ?", now_s, AT_ONCE_MAX)
        for row in rows:
            notice = self._begin(int(row["id"]), now_s)
            if notice is not None:
                self._end(int(row["id"]), notice, self.sender.send(notice), now_s)
                sent += 1
        return sent

    def _begin(self, number: int, now_s: int) -> Notice | None:
        """Write the try down -> what is to be sent now, if anything is."""
        with self.db.transaction():
            row = self.db.row("SELECT * FROM outbox WHERE id = ? AND state = 'waiting'", number)
            if row is None:
                return None
            if now_s - row["event_s"] > STALE_S.get(row["what"], now_s):
                self._close(number, "stale", "too old to be told")
                return None
            if row["tries"] >= TRIES_MAX:  # the process died in the last one
                self._close(number, "failed", row["fault"] or "the last try was broken off")
                return None
            place = place_of(self.db, int(row["account"]))
            quiet_until_s = self.quiet.ends_at_s(now_s, place.utc_offset_min)
            if quiet_until_s is not None:
                self.db.run("UPDATE outbox SET due_at_s = ? WHERE id = ?", quiet_until_s, number)
                return None
            to = (row["address"], row["language"], row["text"])
            if row["text"] is None:
                recipient = self.db.row("SELECT * FROM recipients WHERE account = ?", row["account"])
                if recipient is None:
                    self._close(number, "unaddressed", "the account has no address for notices")
                    return None
                to = (recipient["address"], recipient["language"], self._text(row, recipient["language"], place))
            tries = int(row["tries"]) + 1
            self.db.run(
                "UPDATE outbox SET tries = ?, due_at_s = ?, address = ?, language = ?, text = ? WHERE id = ?",
                tries,
                now_s + (PAUSE_FIRST_S << tries - 1),
                *to,
                number,
            )
            address, language, text = map(str, to)
            return Notice(str(row["name"]), int(row["account"]), address, language, str(row["what"]), text, int(row["event_s"]), tries)

    def _close(self, number: int, state: str, fault: str | None) -> None:
        self.db.run("UPDATE outbox SET state = ?, fault = ? WHERE id = ?", state, fault, number)

    def _text(self, row: sqlite3.Row, language: str, place: Place) -> str:
        words, data = self.words[language], json.loads(row["data"])
        if row["form"] in ("stop", "limit"):
            data["pay_ucu"] = max(0, place.restore_ucu - data["available_ucu"])
        if row["form"] == "receipt":
            covered = covering(self.db, int(row["gateway_id"]), int(row["sequence"]))
            data["code"] = words.say("code", place, code=covered.code) if covered else ""
        return words.say(row["form"], place, account=row["account"], date_s=row["event_s"], **data)

    def _end(self, number: int, notice: Notice, outcome: Outcome, now_s: int) -> None:
        with self.db.transaction():
            if outcome.what in (TAKEN, DELIVERED):
                self.db.run("UPDATE outbox SET state = 'sent', sent_at_s = ?, fault = NULL WHERE id = ?", now_s, number)
                if outcome.what == DELIVERED:
                    receipt(self.db, number, None, now_s)
            elif outcome.what == REFUSED or notice.number >= TRIES_MAX:
                self._close(number, "failed", outcome.sentence)
            else:
                assert outcome.what == AGAIN
                self.db.run("UPDATE outbox SET fault = ? WHERE id = ?", outcome.sentence, number)


def receipt(db: Database, number: int, failed: str | None, now_s: int) -> Answer:
    """The carrier says that a notice arrived, or why it did not. The same twice answers `exists`."""
    with db.transaction():
        row = db.row("SELECT * FROM outbox WHERE id = ?", number)
        if row is None:
            raise BadInput("notice", f"{number} is unknown")
        answer: Answer = {"answer": "exists", "notice": number, "account": row["account"], "what": row["what"]}
        state = "delivered" if failed is None else "failed"
        if row["state"] == state:
            return {**answer, "state": state}
        if row["state"] != "sent":
            raise BadInput("notice", f"{number} is {row['state']}: it can have no receipt")
        db.run("UPDATE outbox SET state = ?, receipt_at_s = ?, fault = ? WHERE id = ?", state, now_s, failed, number)
        answer |= {"answer": "created", "state": state}
        account, data = int(row["account"]), json.loads(row["data"])
        if failed is None and row["what"] == "low" and place_of(db, account).text_counts:
            told = visits.report(db, str(account), "delivered", data["level"], data["episode"], now_s)
            answer["order"] = told["number"]
        return answer


def set_recipient(db: Database, account_text: str, address: str | None, language: str) -> Answer:
    """Where the notices of an account go; None: nowhere."""
    account = parse_account(account_text)
    with db.transaction():
        known_account(db, account)
        if address is None:
            db.run("DELETE FROM recipients WHERE account = ?", account)
            return {"answer": "removed", "account": account}
        if not address.strip() or len(address) > 100 or not address.isprintable():
            raise BadInput("to", "must have 1 to 100 printable characters")
        db.run("INSERT OR REPLACE INTO recipients VALUES (?, ?, ?)", account, address, language)
    return {"answer": "created", "account": account, "to": address, "language": language}
