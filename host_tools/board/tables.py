"""What the terminal shows: one table or a few lines for each answer."""

from typing import Any

from rich.console import Console
from rich.table import Table

from host_tools.board import words
from host_tools.board.console_client import Row
from host_tools.board.journal import Books
from host_tools.journal_reader import record_in_words
from host_tools.journal_reader.supply_words import PHASE
from host_tools.journal_reader.words import (
    FAULT,
    HELD_WHY,
    ORDER_REASON,
    ORDERS,
    QUALITY,
    RESET,
    conditions,
    energy,
    money,
    when,
    word,
)  # fmt: skip

PIPE_WIDTH = 160
BRAKE_BIT = 22


def terminal() -> Console:
    """Standard output; a pipe is as wide as the widest table."""
    out = Console(highlight=False, soft_wrap=False)
    return out if out.is_terminal else Console(highlight=False, width=PIPE_WIDTH)


def show_status(out: Console, status: Row) -> None:
    about, memory = status.get("about", {}), status.get("memory", {})
    if "safe_mode" in status:
        _show_safe_mode(out, status)
        return
    rows = [
        ("gateway", f"{about.get('gateway')} on {about.get('board')}, firmware {words.firmware(about.get('firmware', 0))}"),
        ("life", _life(about)),
        ("began by", words.began_by(about.get("reset_cause"))),
        ("accounts", f"{about.get('accounts')} of {about.get('accounts_max')}, {about.get('meters')} meters"),
        *_numbers(status),
        ("memory", f"{memory.get('heap')} bytes used, {memory.get('free')} free"),
        ("cuts", "HELD by the brake" if about.get("brake") else "possible, brake open"),
        ("troubles", f"{about['troubles']}, see `logs`" if about.get("troubles") else "none"),
    ]
    _print_pairs(out, rows)


def _show_safe_mode(out: Console, status: Row) -> None:
    about, stay, bus = status.get("about", {}), status["safe_mode"], status.get("bus", {})
    link, memory = status.get("link", {}), status.get("memory", {})
    rows = [
        ("SAFE MODE", f"{stay.get('broken')} lives in a row broke; the last by: {stay.get('fault')}"),
        ("gateway", f"{about.get('gateway')} on {about.get('board')}, firmware {words.firmware(about.get('firmware', 0))}"),
        ("life", _life(about)),
        ("cuts", "none; signed restores are taken, payments wait at the head-end"),
        ("next try", f"in {stay.get('left_s')} s at most, {stay.get('tries')} tries were in vain"),
        *[("order", _kept(one)) for one in stay.get("orders", [])],
        ("refused", f"{stay.get('strange')} orders of another time"),
        ("link", "connected" if link.get("connected") else f"DOWN: {link.get('trouble')}"),
        ("bus", f"{bus.get('orders')} orders under way"),
        ("memory", f"{memory.get('heap')} bytes used, {memory.get('free')} free"),
        ("troubles", "see `logs`"),
    ]
    _print_pairs(out, rows)


def _kept(fields: list[int]) -> str:
    """One order that safe mode took or refused, SPEC 8."""
    code, account, number, _, _, verdict, reason, phase = fields[:8]
    text = f"{number} {word(ORDERS, code)}" + (f" for account {account}: " if account else ": ")
    if verdict != 1:
        return text + "refused, " + word(ORDER_REASON, reason)
    return text + "taken" + (f", relay {word(PHASE, phase)}" if account else "")


def _life(about: Row) -> str:
    began = word(RESET, about.get("reset_cause") or 0)
    return f"boot {about.get('boot_count')} ({began}), {about.get('in_a_row')} in a row that did not settle"


def show_now(out: Console, now: Row) -> None:
    """The numbers of a `now` line."""
    _print_pairs(out, _numbers(now))


def now_in_a_line(now: Row) -> str:
    """The numbers of a `now` line, short."""
    journal, link, bus = now.get("journal", {}), now.get("link", {}), now.get("bus", {})
    state = "connected" if link.get("connected") else "DOWN"
    return (
        f"{when(now.get('clock', {}).get('now_s') or 0)}  record {journal.get('sequence')}, with the head-end to {journal.get('acked')}, "
        f"link {state}, {bus.get('cycle_ms', 0) / 1000:.1f} s a round, {bus.get('answered')} answers, {bus.get('silent')} silences, "
        f"{bus.get('orders')} orders"
    )


def _numbers(status: Row) -> list[tuple[str, str]]:
    clock, readings = status.get("clock", {}), status.get("readings", {})
    return [
        ("clock", _clock(clock)),
        ("link", _link(status.get("link", {}))),
        ("journal", _journal(status.get("journal", {}))),
        ("readings", f"{readings.get('last')} taken, {readings.get('acked')} with the head-end, {readings.get('dropped')} dropped"),
        ("bus", _bus(status.get("bus", {}))),
    ]


def _print_pairs(out: Console, rows: list[tuple[str, str]]) -> None:
    grid = Table.grid(padding=(0, 2))
    for name, text in rows:
        grid.add_row(name, text)
    out.print(grid)


def _clock(clock: Row) -> str:
    error_s = clock.get("error_s")
    wrong = "error unknown" if error_s is None else f"at most {error_s} s wrong"
    return f"{when(clock.get('now_s') or 0)}, {words.QUALITY.get(clock.get('quality', 0), '?')}, {wrong}"


def _link(link: Row) -> str:
    age_ms = link.get("ack_age_ms")
    why = link.get("trouble")
    state = "connected" if link.get("connected") else f"DOWN: {why}" if why else "DOWN"
    heard = "never" if age_ms is None else f"{age_ms // 1000} s ago"
    return f"{state}, head-end heard {heard}, standing: {word(words.STANDING, link.get('standing', -1))}"


def _journal(journal: Row) -> str:
    sound = "sound" if journal.get("sound") else "NOT SOUND: no cuts"
    left = f"{journal.get('free_blocks')} blocks free" + (f", {journal['mended']} mended" if journal.get("mended") else "")
    return f"{sound}, epoch {journal.get('epoch')}, record {journal.get('sequence')}, with the head-end to {journal.get('acked')}, {left}"


def _bus(bus: Row) -> str:
    causes = ("answered", "silent", "broken_off", "refused", "malformed", "retried")
    counts = ", ".join(f"{bus.get(name)} {name.replace('_', ' ')}" for name in causes)
    return f"{bus.get('cycle_ms', 0) / 1000:.1f} s a round, {bus.get('orders')} orders; {counts}"


def show_meters(out: Console, meters: list[Row]) -> None:
    table = _table(
        "#", "meter", "account", "model", "baud", "register", "read", "power", "clock off", "answers", "silent", "noise", "state"
    )  # fmt: skip
    for one in meters:
        register = "-" if one["register_cwh"] is None else energy(one["register_cwh"])
        register += f" x {one['ratio']}" if one.get("ratio", 1) != 1 else ""
        power = "-" if one["power_w"] is None else f"{one['power_w']} W"
        off = "not read" if one["clock_error_s"] is None else f"{one['clock_error_s']} s"
        noise = one["broken_off"] + one["malformed"]
        cells = (
            one["index"], one["address"], one["account"], one["model"], one["baud"], register, words.age(one["age_s"]), power, off,
            one["answered"], one["silent"], noise, _meter_state(one),
        )  # fmt: skip
        table.add_row(*map(str, cells))
    _print(out, table, meters, "meters")


def _meter_state(one: Row) -> str:
    if one["silent_turns"]:
        return f"SILENT for {one['silent_turns']} turns"
    if one["refused_word"] is not None:
        return f"refuses its register, word {one['refused_word']:02X}H"
    if one["held"]:
        return f"reading {word(HELD_WHY, one['held'])}"
    if one["register_cwh"] is None:
        return "not read yet"
    return "ok" if one["enforceable"] is not False else "ok, cannot be cut from here"


def show_accounts(out: Console, accounts: list[Row]) -> None:
    table = _table("account", "meter", "register", "balance", "available", "read", "wished", "seen", "state", "fault", "flags")
    for one in accounts:
        register = "-" if one["register_cwh"] is None else energy(one["register_cwh"])
        available = "-" if one["available_ucu"] is None else money(one["available_ucu"])
        fault = word(FAULT, one["fault"]) if one["fault"] else ""
        marks = [words.flags(one["flags"])] if one.get("flags") else []
        marks += [f"debt {money(one['debt_ucu'])}"] if one.get("debt_ucu") else []
        marks += [f"credit limit {money(one['limit_ucu'])}"] if one.get("limit_ucu") else []
        table.add_row(
            str(one["account"]), one["address"], register, money(one["balance_ucu"]), available, words.age(one["age_s"]),
            words.WISH[one["wish"]], words.SEEN[one["seen"]], one["word"], fault, ", ".join(marks),
        )  # fmt: skip
    _print(out, table, accounts, "accounts")


def show_visits(out: Console, visits: list[Row]) -> None:
    table = _table("account", "meter", "available", "days left", "lead", "visit", "notices", "supply")
    for one in visits:
        available = "-" if one["available_ucu"] is None else money(one["available_ucu"])
        days = "unknown" if one["days_left"] is None else str(one["days_left"])
        done = "made" if one["visited"] else "ORDERED" if one["ordered"] else "not yet"
        wished = words.WISH[one["wish"]]
        table.add_row(str(one["account"]), one["address"], available, days, f"{one['lead_days']} d", done, str(one["notice_level"]), wished)
    _print(out, table, visits, "visits to make")


def show_brake(out: Console, brake: Row) -> None:
    out.print(words.closed_by(brake), markup=False)
    table = _table("account", "meter", "available", "floor", "by", "also waits for")
    for one in brake["held"]:
        available = "-" if one["available_ucu"] is None else money(one["available_ucu"])
        floor = "-" if one["floor_ucu"] is None else money(one["floor_ucu"])
        others = "; ".join(conditions(one["failed"] & ~(1 << BRAKE_BIT)))
        table.add_row(str(one["account"]), one["address"], available, floor, "order" if one["ordered"] else "balance", others)
    _print(out, table, brake["held"], "cuts are held")


def show_statement(out: Console, statement: Row) -> None:
    """A line a day, and one for what its energy cost by each register, band and step."""
    table = _table("day", "opening", "energy", "charged", "fees", "estimated", "credits", "to a debt", "closing")
    for day in statement["days"]:
        energy_cwh = sum(line["energy_cwh"] for line in day["energy"])
        amounts = [money(day[name]) for name in ("charges_ucu", "fees_ucu", "estimated_ucu", "credits_ucu", "debt_ucu", "closing_ucu")]
        table.add_row(words.day(day["day"]), money(day["opening_ucu"]), energy(energy_cwh), *amounts)
        for line in day["energy"] if len(day["energy"]) > 1 or any(line["band"] or line["step"] for line in day["energy"]) else ():
            table.add_row("", words.charged_as(line), energy(line["energy_cwh"]), money(line["amount_ucu"]))
    _print(out, table, statement["days"], "days")
    if statement["since"] is not None and statement["days"] and statement["since"] > statement["days"][0]["day"]:
        out.print(f"the journal here tells days whole from {words.day(statement['since'])} on", markup=False)


def show_events(out: Console, events: list[Row]) -> None:
    table = _table("#", "when", "account", "times", "what")
    for one in events:
        table.add_row(
            str(one["number"]), when(one["at_s"]), str(one["account"] or ""), str(one["times"]), words.event(one["code"], one["value"])
        )
    _print(out, table, events, "events in this life")


def show_logs(out: Console, logs: Row) -> None:
    for text in logs["troubles"]:
        out.print(text, markup=False)
    if not logs["troubles"]:
        out.print("no troubles")
    if logs["last_fault"]:
        out.print("what ended an earlier life:")
        out.print(logs["last_fault"], markup=False)


def show_journal(out: Console, books: Books, account: int | None) -> None:
    shown = [one for one in books.in_order() if account is None or one.account == account]
    for one in shown:
        quality = QUALITY[one.quality] if one.quality < len(QUALITY) else "?"
        text = f"{one.sequence:8d}  {when(one.at_s)} ({quality})  {one.name:14s} {record_in_words(one)}"
        out.print(text, markup=False, soft_wrap=True)
    for text in journal_summary(books)["sentences"]:
        out.print(text, markup=False, soft_wrap=True)


def journal_summary(books: Books) -> dict[str, Any]:
    """What the chain says about the records that came."""
    chain = books.chain()
    sentences = [f"{len(books.records)} records; the board holds {books.oldest} to {books.last}, epoch {chain.epoch}"]
    if books.records and min(books.records) > books.first:
        sentences.append(f"missing: {books.first} to {min(books.records) - 1}")
    sentences += [f"missing: {first} to {last}" for first, last in chain.gaps]
    sentences += [text for _, text in chain.breaks]
    if books.garbled:
        sentences.append(f"{books.garbled} lines were garbled on the way")
    sentences.append("chain: " + ("whole" if chain.ok else "NOT whole"))
    return {
        "oldest": books.oldest, "last": books.last, "epoch": chain.epoch, "sound": chain.ok, "garbled": books.garbled,
        "missing": [list(gap) for gap in chain.gaps], "chain_breaks": [text for _, text in chain.breaks], "sentences": sentences,
    }  # fmt: skip


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    right = {"#", "register", "balance", "available", "power", "answers", "silent", "noise", "times", "baud", "read"}
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", no_wrap=name not in ("state", "what", "flags", "fault"))
    return table


def _print(out: Console, table: Table, rows: list[Row], what: str) -> None:
    if rows:
        out.print(table)
    else:
        out.print(f"no {what}")
