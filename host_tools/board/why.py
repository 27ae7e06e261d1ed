"""Why an account is on or off: what is known of it now, its last decision and what came of that, in words with values and units."""

from dataclasses import dataclass, field

from host_tools.board import answers, words
from host_tools.board.answers import ACCOUNT, named
from host_tools.board.console_client import SEARCH_S, ConsoleClient, Row
from host_tools.board.errors import BadInput
from host_tools.journal_reader import BadRecord, Record, kinds, parse_record, record_in_words
from host_tools.journal_reader.words import CONDITIONS, FAULT, QUALITY, REASON, energy, money, when, word

RESTORE = 2
ACCOUNT_MAX = 0xFFFFFFFE


@dataclass
class Evidence:
    """One answer to `why`; `stopped` = the search for what followed ended at this record."""

    account: Row = field(default_factory=dict)
    facts: Row = field(default_factory=dict)
    decision: Record | None = None
    followed: list[Record] = field(default_factory=list)
    stopped: int | None = None

    def as_json(self) -> Row:
        """Everything, complete: conditions with their bits too."""
        return {
            "account": self.account,
            "facts": self.facts,
            "conditions": self.conditions(),
            "decision": self.decision.as_json() if self.decision else None,
            "followed": [record.as_json() for record in self.followed],
            "stopped_at": self.stopped,
            "text": self.text(),
        }

    def conditions(self) -> list[Row]:
        """Each condition of a cut: does it hold now, and with which values."""
        failed = int(self.facts.get("failed", 0))
        values = _values(self.account, self.facts)
        return [
            {"bit": bit, "condition": name, "holds": not failed >> bit & 1, "value": values.get(bit, "")}
            for bit, name in CONDITIONS.items()
        ]

    def text(self) -> list[str]:
        """Lines for a person."""
        facts, account = self.facts, self.account
        seen = f"wished {words.WISH[facts['wish']]}, seen {words.SEEN[facts['seen']]}"
        lines = [f"account {account['account']}, meter {account['address']}: {account['word']} ({seen})"]
        now = word(words.VERDICT_NOW, facts["verdict"])
        lines.append(f"now, {when(facts['now_s'])}: {now}" + (f" ({word(REASON, facts['reason'])})" if facts["reason"] else ""))
        lines.append(f"  {_money(account, facts)}")
        if facts["fault"]:
            lines.append(f"  fault: {word(FAULT, facts['fault'])}")
        lines.append("a cut needs all of these:")
        for one in self.conditions():
            lines.append(f"  {'yes' if one['holds'] else 'NO '}  {one['condition']}" + (f": {one['value']}" if one["value"] else ""))
        if self.decision is None:
            return [*lines, "no decision about this account is held on this board"]
        if self.decision.kind != kinds.DECISION:
            lines.append("nothing was decided about this account; an operator did:")
            return lines + [f"  {when(one.at_s)}  {record_in_words(one)}" for one in (self.decision, *self.followed)]
        lines.append(f"last decision, {when(self.decision.at_s)}, record {self.decision.sequence}: {record_in_words(self.decision)}")
        lines += _decided(self.decision)
        lines += [f"  then  {when(one.at_s)}  {record_in_words(one)}" for one in self.followed]
        if self.stopped is not None:
            lines.append(f"  the search ended at record {self.stopped}: `journal --from {self.stopped}` shows what came later")
        return lines


def read_why(board: ConsoleClient, account: int) -> Evidence:
    """The board's evidence for one account."""
    if not 1 <= account <= ACCOUNT_MAX:
        raise BadInput("account", f"must be 1 ... {ACCOUNT_MAX}, got {account}")
    found = Evidence()
    for row in board.rows("why", wait_s=SEARCH_S, account=account):
        if "account" in row:
            found.account = named(ACCOUNT, row["account"])
        elif "facts" in row:
            found.facts.update(row["facts"])
        elif "decision" in row:
            found.decision = _record(row["decision"])
        elif "then" in row:
            record = _record(row["then"])
            found.followed += [record] if record else []
        elif "stopped" in row:
            found.stopped = row["stopped"]
    return found


def _record(text: str) -> Record | None:
    try:
        return parse_record(bytes.fromhex(text))
    except (BadRecord, ValueError):
        return None  # garbled on the wire


def _money(account: Row, facts: Row) -> str:
    available = facts["available_ucu"]
    text = f"balance {money(facts['balance_ucu'])}, available " + ("unknown" if available is None else money(available))
    if "floor_ucu" in facts:
        limit_ucu = facts.get("limit_ucu", 0)
        limit = f", with a credit limit of {money(limit_ucu)}" if limit_ucu else ""
        floor_ucu, restore_ucu = facts["floor_ucu"] - limit_ucu, facts["restore_ucu"] - limit_ucu
        text += f"; cut at {money(floor_ucu)} or below, restored from {money(restore_ucu)} on{limit}"
    if account["register_cwh"] is not None:
        text += f"; register {energy(account['register_cwh'])}, read {words.age(account['age_s'])} ago"
    return text


def _values(account: Row, facts: Row) -> dict[int, str]:
    """What each condition was judged by, bit by bit."""
    now_s = facts["now_s"]
    available = "unknown" if facts["available_ucu"] is None else money(facts["available_ucu"])
    off_s, off_max_s = facts["meter_clock_error_s"], facts["meter_clock_error_s_max"]
    notice = "no episode is open"
    if facts["episode_open"]:
        notice = f"level {facts['notice_level']}, given {words.since(now_s, facts['notice_at_s'])}"
    values = {
        0: f"available {available}",
        4: _visit(facts),
        5: f"{_HELD.get(facts['serial_ok'], 'none yet')}, {words.since(now_s, facts['reading_at_s'])}",
        10: word(words.STANDING, facts["standing"]),
        18: notice,
        19: f"clock {QUALITY[facts['clock_quality']]}, error at most {facts['clock_error_s']} s",
        20: f"head-end last heard {words.since(now_s, facts['last_contact_s'])}",
        22: words.closed_by(answers.named(answers.BRAKE, [facts["brake_closed"], *(facts.get("closed_by") or ())])),
        23: f"seen {words.SEEN[facts['seen']]}",
        24: "its clock was not read" if off_s is None else f"{off_s} s apart, at most {off_max_s} s",
    }
    names = words.flags(int(facts["flags"]))
    if names:
        values |= {bit: f"flags: {names}" for bit in (1, 2, 3)}
    if "policy" not in facts:
        return values | {9: "no policy is here"}
    lacks = ", ".join(facts.get("unimplemented", []))
    limit_ucu = facts.get("limit_ucu", 0)
    values[0] += f", floor {money(facts['floor_ucu'] - limit_ucu - facts['emergency_ucu'])}"
    if limit_ucu:
        values[0] += f", with a credit limit of {money(limit_ucu)}"
    if facts["emergency_ucu"]:
        values[0] += f", with {money(facts['emergency_ucu'])} of emergency credit"
    values[9] = f"policy {facts['policy']} version {facts['version']}" + (f", not implemented: {lacks}" if lacks else "")
    values[16] = f"read {words.since(now_s, facts['reading_at_s'])}, at most {facts['reading_fresh_s']} s"
    values[17] = f"from now until {facts['valid_s'] + facts['trip_delay_s']} s later, of policy {facts['policy']}"
    levels = [f"{n + 1}: {money(level - limit_ucu)}, period {period} s" for n, (level, period, _) in enumerate(facts["notices"])]
    values[18] += " of " + "; ".join(levels)
    values[19] += f" of {facts['clock_error_max_s']} s"
    values[20] += f", right lasts {facts['offline_right_s']} s"
    values[21] = f"{facts['throttle_per_hour']} cuts an hour"
    return values


_HELD = {True: "believed", False: "held"}


def _visit(facts: Row) -> str:
    if facts["visited"]:
        return "visited"
    text = "a visit is ordered" if facts["visit_ordered"] else "no visit known in this episode"
    return text + ("" if facts["days_left"] is None else f", {facts['days_left']} days left at most")


def _decided(record: Record) -> list[str]:
    """The values that decided, as the record has them."""
    lines = [
        f"  available {money(record.number('available_ucu'))}, floor {money(record.number('floor_ucu'))}, register "
        f"{energy(record.number('register_cwh'))} read at {when(record.number('reading_at_s'))}",
        f"  policy {record.number('policy')} version {record.number('policy_version')}, tariff {record.number('tariff')} version "
        f"{record.number('tariff_version')}, clock {QUALITY[record.quality]}",
    ]
    notice_at_s = record.number("notice_at_s")
    lines.append(f"  notice of episode {record.number('episode')}: " + (f"given {when(notice_at_s)}" if notice_at_s else "none given"))
    if record.number("order"):
        lines.append(f"  by order {record.number('order')} of the head-end")
    return lines
