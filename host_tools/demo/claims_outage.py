"""What counts as true in steps 4 and 5: warned, cut, read back, four stay on; killed, and nothing lost."""

from collections.abc import Collection, Mapping, Sequence

from host_tools.demo import console
from host_tools.demo.cast import HOURS, PROTECTED, SILENT, STAY_ON, UNWARNED
from host_tools.demo.checks import Verdict
from host_tools.demo.console import AccountView, Noted
from host_tools.demo.feed import why_not
from host_tools.demo.proof import Proof
from host_tools.journal_reader import JournalImage, Record
from host_tools.journal_reader.words import CONDITIONS, money
from host_tools.simulators.client import RelayState, SiteEvent

DECIDED_CUT = 1
TRIP = "1A"
RELAY_BITS = {console.CLOSED: 0x00, console.OPEN: 0x50}  # status word 3: b4 the contacts, b6 the command
RELAY_MASK, ALARM_BIT = 0x50, 0x80  # b7 goes on before a cut and off after a restore
MARK_BIT = 0x08  # b3, the programming key: pressed in the story, so that nobody knows the word who has not looked
KEEPS_ON = {PROTECTED: 1 << 1, HOURS: 1 << 17, SILENT: 1 << 16, UNWARNED: 1 << 18}
KILLED = -9


def payments_booked(answers: Sequence[str]) -> Verdict:
    """Two are new, the third bears a reference that was used."""
    return list(answers) == ["created", "created", "exists"], ", ".join(answers)


def alarms_sound(events: Sequence[SiteEvent], addresses: Collection[str]) -> Verdict:
    """By the meters' own account."""
    on = {event.meter for event in events if event.kind == "alarm" and event.on}
    there = sum(address in on for address in addresses)
    return bool(addresses) and there == len(addresses), f"{there} of {len(addresses)} meters sound their alarm"


def below_zero(left: Mapping[int, int | None], customer: int) -> Verdict:
    """All at or below zero, and the others at least as far as the customer who is cut."""
    his = left.get(customer)
    known = {account: ucu for account, ucu in left.items() if ucu is not None}
    good = his is not None and len(known) == len(left) > 1 and his <= 0 and all(ucu <= his for ucu in known.values())
    return good, ", ".join(f"{account}: {money(ucu)}" for account, ucu in known.items())


def cut_decided(decisions: Sequence[Noted]) -> Verdict:
    """One decision to cut, at or below zero, with no condition missing."""
    cuts = [noted.record for noted in decisions if noted.record.number("verdict") == DECIDED_CUT]
    missing = sum(cut.number("failed").bit_count() for cut in cuts)
    at = ", ".join(money(cut.number("available_ucu")) for cut in cuts)
    good = len(cuts) == 1 and not missing and cuts[0].number("available_ucu") <= 0
    return good, f"{len(cuts)} cut decided" + (f" at {at}" if at else "") + f", {missing} conditions missing"


def warned_first(events: Sequence[SiteEvent], address: str, period_s: float) -> Verdict:
    """The meter's alarm sounded at least the notice period before the meter was told to trip."""
    mine = [event for event in events if event.meter == address]
    alarms = [event.mono_ms for event in mine if event.kind == "alarm" and event.on]
    trips = [event.mono_ms for event in mine if event.kind == "relay_command" and event.code == TRIP]
    if not alarms or not trips:
        return False, f"{len(alarms)} alarms, {len(trips)} trip commands"
    ahead_s = (min(trips) - min(alarms)) / 1000
    return ahead_s >= period_s, f"alarm {ahead_s:.1f} s before the trip command, at least {period_s:.0f} s"


def relay_moved(moves: Sequence[SiteEvent], wanted: Sequence[bool]) -> Verdict:
    """The contacts of the simulated meter moved so and not otherwise."""
    opened = [event.open for event in moves]
    words = ", ".join("opened" if one else "closed" for one in opened) or "never moved"
    return opened == list(wanted), f"contacts {words}"


def read_back(
    since: float | None, moves: Sequence[SiteEvent], meter_word: int, seen: Sequence[Noted], proven: Sequence[Noted], wanted: int
) -> Verdict:
    """Seen and proven after the contacts moved, each with the status word that only the meter could tell.

    A gateway that believed the acknowledgement would be too early, or would not have the mark in its word.
    """
    if since is None or not moves or not seen or not proven:
        return False, "not read back"
    moved_s = moves[-1].mono_ms / 1000
    words = [seen[0].record.number("status_word"), proven[0].record.number("word")]
    same = 0xFFFF if wanted == console.OPEN else 0xFFFF & ~ALARM_BIT
    agrees = all(word & same == meter_word & same for word in words)
    is_so = meter_word & (RELAY_MASK | MARK_BIT) == RELAY_BITS[wanted] | MARK_BIT
    in_time = min(seen[0].at, proven[0].at) >= moved_s >= since
    took = f"{max(seen[0].at, proven[0].at) - since:.2f} s" if in_time else "before the contacts moved"
    told = " and ".join(f"{word:04X}H" for word in dict.fromkeys(words))
    return agrees and is_so and in_time, f"{took}, status word {told}, the meter's own {meter_word:04X}H"


def stays_on(relay: RelayState | None, decisions: Sequence[Noted], left: int | None, role: str) -> Verdict:
    """Below zero, never moved, and judged: exactly one condition is missing, the one of this part."""
    on = relay is not None and not relay.open and relay.movements == 0
    failed = decisions[-1].record.number("failed") if decisions else 0
    cut = any(noted.record.number("verdict") == DECIDED_CUT for noted in decisions)
    good = on and not cut and failed == KEEPS_ON[role] and left is not None and left <= 0
    words = money(left) if left is not None else "?"
    return good, f"{words}, supply {'on' if on else 'OFF'}; " + (why_not(failed) if failed else "not judged")


def only_one_tripped(events: Sequence[SiteEvent], address: str) -> Verdict:
    """One trip command on the whole line, and it was for this meter."""
    trips = [event.meter for event in events if event.kind == "relay_command" and event.code == TRIP]
    others = sum(one != address for one in trips)
    return trips == [address], f"{len(trips)} trip command, {others} to others"


def journal_sound(image: JournalImage) -> Verdict:
    """There are records, none is corrupt, and their chain has no gap."""
    words = f"{len(image.records)} records, {len(image.torn)} torn, {len(image.corrupt)} corrupt"
    return image.sound and bool(image.records), words


def acknowledged_once(proof: Proof, credits_least: int) -> Verdict:
    """No fault, and as much was acknowledged as this story must have seen."""
    enough = proof.credits >= credits_least > 0 and proof.countersigned > 0 and proof.documents > 0
    return not proof.faults and enough, proof.words() + ("" if enough else f", which is too few: {credits_least} credits were taken")


def published_kept(proof: Proof) -> Verdict:
    """Something was published, and all of it stands there."""
    words = f"{proof.published} records" + (f", {len(proof.unkept)} faults, first: {proof.unkept[0]}" if proof.unkept else "")
    return not proof.unkept and proof.published > 0, words


def told_kept(told: Sequence[Record], image: JournalImage) -> Verdict:
    """Each record that the console told, which it does only for durable ones, stands there with the same content."""
    here = {record.sequence: record for record in image.records}
    lost = [one.sequence for one in told if not _same(one, here.get(one.sequence))]
    words = f"{len(told) - len(lost)} of {len(told)} records" + (f", sequence {lost[0]} is not" if lost else "")
    return bool(told) and not lost, words


def _same(told: Record, here: Record | None) -> bool:
    return here is not None and (told.kind, told.fields) == (here.kind, here.fields)


def starts_again(boot: Mapping[str, object], lives: int, lives_before: int, boots_before: int, last_sequence: int) -> Verdict:
    """One life more, one boot more, a sound journal, and no sequence used again."""
    sequence = boot.get("sequence")
    good = (lives == lives_before + 1 and boot.get("sound") is True and boot.get("boot_count") == boots_before + 1
            and isinstance(sequence, int) and sequence >= last_sequence > 0)
    return good, f"boot {boot.get('boot_count')}, record {sequence}, " + ("sound" if boot.get("sound") is True else "not sound")


def cut_stands(view: AccountView | None, relay: RelayState | None, new_life: bool) -> Verdict:
    """Wished off, read back off in this life, and the contacts moved once in both."""
    good = (new_life and view is not None and (view.wish, view.seen) == (console.OFF, console.OPEN)
            and relay is not None and relay.open and relay.movements == 1)
    return good, f"contacts moved {relay.movements if relay else 0} time" if good else "not read back yet"


assert set(KEEPS_ON) == set(STAY_ON) and all(bit.bit_length() - 1 in CONDITIONS for bit in KEEPS_ON.values())
