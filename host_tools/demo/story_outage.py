"""Steps 3 to 5: the broker is gone, a balance reaches its floor, the power goes.

The five accounts that fall below zero use the same energy down to the same amount. What keeps four of them on is read from
the evidence in the journal (SPEC 6, `failed`): exactly one condition, and the one of their part.
"""

import asyncio
import time

from host_tools.demo import cast, console
from host_tools.demo.act import Act
from host_tools.demo.cast import BELOW_ZERO, CUT, HOURS, PROTECTED, QUEUED, SILENT, STAY_ON, UNWARNED, Household
from host_tools.demo.proof import prove
from host_tools.journal_reader.words import CONDITIONS, conditions, money

LOW_TARGET_UCU, BELOW_TARGET_UCU = 4_000_000, -800_000
ALARM, DELIVERED, VERIFIED = 2, 2, 5
DECIDED_CUT = 1
ACTION_CUT = 1
KILL_LATEST_S = 4.0
KEEPS_ON = {PROTECTED: 1 << 1, HOURS: 1 << 17, SILENT: 1 << 16, UNWARNED: 1 << 18}
WHY_ON = {
    PROTECTED: "it is protected", HOURS: "it is outside its allowed hours",
    SILENT: "its meter fell silent and its reading is old", UNWARNED: "its only notice could not be delivered",
}


async def broker_stops(act: Act) -> None:
    act.begin(3, "The broker is stopped", "the gateway notices, and goes on reading and charging")
    told, stage = act.stage.console, act.stage
    await stage.stop_broker()
    act.down_since = time.monotonic()
    act.say("the broker is stopped", "bold red")
    readings_before = int(told.part("readings").get("last", 0))
    wanted = len(act.homes)

    def noticed() -> tuple[bool, str]:
        down = told.now_at > act.down_since and told.part("link").get("connected") is False
        return down, f"link {'down' if down else 'still up'}"

    def reads() -> tuple[bool, str]:
        count = int(told.part("readings").get("last", 0)) - readings_before
        return count >= wanted, f"{count} readings since, cycle {told.part('bus').get('cycle_ms', 0) / 1000:.1f} s"

    def charges() -> tuple[bool, str]:
        count = len(told.records("CHARGE", since=act.down_since))
        return count >= wanted // 2, f"{count} charges journalled since"

    await act.checks.until("outage_noticed", "the gateway knows that its link is down", noticed, 20)
    await act.checks.until("reads_without_uplink", "a full round of readings without an uplink", reads, 30)
    await act.checks.until("charges_without_uplink", "charges go on into the journal", charges, 30)


async def balance_reaches_floor(act: Act) -> None:
    customer = act.of(CUT)
    act.begin(4, "A balance reaches its floor, offline",
              f"account {customer.account} is warned on its meter, cut and read back; four others as far below zero stay on")
    paying = asyncio.create_task(_pay_while_down(act))
    silence = asyncio.create_task(_fall_silent(act, act.of(SILENT)))
    await _warn(act)
    await _fall_below_zero(act, silence)
    await _see_the_cut(act, customer)
    for role in STAY_ON:
        await _stays_on(act, act.of(role), role)
    await act.checks.until("others_not_cut", "no other meter was ever told to trip", lambda: _trips(act, customer), 1)
    await paying


async def _warn(act: Act) -> None:
    warned = [act.of(role) for role in BELOW_ZERO if role != UNWARNED]
    for one in warned:
        await act.use_energy(one, LOW_TARGET_UCU)

    async def alarms() -> tuple[bool, str]:
        on = [event.meter for event in await act.stage.site.events() if event.kind == "alarm" and event.on]
        there = sum(one.address in on for one in warned)
        return there == len(warned), f"{there} of {len(warned)} meters sound their alarm"

    def counted() -> tuple[bool, str]:
        told = act.stage.console
        there = sum(bool(told.records("NOTICE", one.account, channel=ALARM, outcome=DELIVERED)) for one in warned)
        return there == len(warned), f"{there} of {len(warned)} notices journalled as delivered"

    await act.checks.until("alarm_on_meters", "the simulated meters sound the alarm", alarms, 40)
    await act.checks.until("alarm_counts", "an alarm that was verified counts as the notice", counted, 20)


async def _fall_silent(act: Act, one: Household) -> None:
    """Below zero as soon as it is warned, and silent from the moment that reading is known: what follows is the silence alone."""
    told = act.stage.console
    await act.checks.wait(lambda: bool(told.records("NOTICE", one.account, channel=ALARM, outcome=DELIVERED)), 40)
    await act.use_energy(one, BELOW_TARGET_UCU)
    await act.checks.wait(lambda: (act.available(one) or 0) < 0, 30)
    await act.stage.site.set(one.address, silent=True)
    act.say(f"the meter of account {one.account} falls silent", "red")


async def _fall_below_zero(act: Act, silence: asyncio.Task[None]) -> None:
    homes = [act.of(role) for role in BELOW_ZERO]
    for one in homes:
        if one.role != SILENT:
            await act.use_energy(one, BELOW_TARGET_UCU)
    await silence

    def below() -> tuple[bool, str]:
        left = {one.account: act.available(one) for one in homes}
        words = ", ".join(f"{account} {money(ucu)}" for account, ucu in left.items() if ucu is not None)
        return all(ucu is not None and ucu <= 0 for ucu in left.values()), words

    await act.checks.until("five_below_zero", "five accounts are at or below zero", below, 30)


async def _see_the_cut(act: Act, customer: Household) -> None:
    told = act.stage.console

    def decided() -> tuple[bool, str]:
        found = told.records("DECISION", customer.account, verdict=DECIDED_CUT)
        failed = [noted.record.number("failed") for noted in found]
        return failed == [0], f"{len(found)} cut decided, {sum(map(bool, failed))} conditions missing"

    async def opened() -> tuple[bool, str]:
        moves = [event.open for event in await act.stage.meter_events(customer.address, "relay_moved")]
        return moves == [True], f"relay of the simulated meter moved {len(moves)} times"

    def read_back() -> tuple[bool, str]:
        orders = told.records("DECISION", customer.account, verdict=DECIDED_CUT)
        seen = told.records("SEEN", customer.account, seen=console.OPEN)
        verified = told.records("RELAY", customer.account, action=ACTION_CUT, phase=VERIFIED)
        if not (orders and seen and verified):
            return False, "not read back"
        return True, f"seen OPEN {max(seen[0].at, verified[0].at) - orders[0].at:.1f} s after the decision"

    await act.checks.until("cut_decided", "one cut, with every condition fulfilled", decided, 30)
    await act.checks.until("relay_open", "the simulated relay opened, once", opened, 20)
    await act.checks.until("cut_read_back", "the relay was read back open", read_back, 20)


async def _stays_on(act: Act, one: Household, role: str) -> None:
    told = act.stage.console

    async def stays() -> tuple[bool, str]:
        meter = await act.stage.site.state()
        relay = meter.meter(one.address).relay
        closed = relay is not None and not relay.open and relay.movements == 0
        found = told.records("DECISION", one.account)
        failed = found[-1].record.number("failed") if found else 0
        left = act.available(one)
        words = f"{money(left) if left is not None else '?'}, supply {'on' if closed else 'OFF'}, "
        return closed and failed == KEEPS_ON[role], words + "does not hold: " + ("; ".join(conditions(failed)) or "-")

    name = "stays_on_" + role.replace(" ", "_")
    await act.checks.until(name, f"account {one.account} stays on: {WHY_ON[role]}", stays, 60)


async def _trips(act: Act, customer: Household) -> tuple[bool, str]:
    trips = [event.meter for event in await act.stage.site.events() if event.kind == "relay_command" and event.code == "1A"]
    others = sum(address != customer.address for address in trips)
    return others == 0, f"{len(trips)} trip commands, {others} to others"


async def _pay_while_down(act: Act) -> None:
    """Three payments that must wait for the broker, and one given twice."""
    stage, payer = act.stage, act.of(QUEUED)
    payments = [(payer.account, "25.00", "shop-1"), (payer.account, "0.123456", "shop-2"),
                (act.homes[-1].account, "7.50", "shop-3"), (payer.account, "25.00", "shop-1")]
    answers = []
    for account, amount, reference in payments:
        _, answer = await stage.books.command("topup", str(account), amount, "--reference", reference)
        answers.append(str(answer.get("answer", answer.get("error"))))
        if answer.get("answer") == "created":
            act.queued.append((account, int(answer["number"])))
    act.checks.note("payments_while_offline", "three payments are booked, the repeated reference answers 'exists'",
                    answers == ["created", "created", "created", "exists"], ", ".join(answers))


async def gateway_is_killed(act: Act) -> None:
    act.begin(5, "The power goes", "killed at a random moment: every acknowledgement ever seen on the wire is in the journal, once")
    stage, told, customer = act.stage, act.stage.console, act.of(CUT)
    moment_s = stage.random.uniform(0.2, KILL_LATEST_S)
    await asyncio.sleep(moment_s)
    boots = int(told.boot.get("boot_count", 0))
    code = await stage.kill_gateway()
    act.sequence_at_kill = int(told.part("journal").get("sequence", 0))
    act.say(f"SIGKILL after {moment_s:.2f} s", "bold red")
    act.checks.note("killed", "the gateway died of SIGKILL", code == -9, f"exit status {code}, {moment_s:.2f} s into the step")
    proof = prove(stage.log, stage.copy_region("region_killed.bin"))
    act.checks.note("journal_sound", "the journal reader finds it sound", proof.image.sound,
                    f"{len(proof.image.records)} records, {len(proof.image.torn)} torn, {len(proof.image.corrupt)} corrupt")
    act.checks.note("acknowledged_once", "every acknowledgement seen on the wire is in the journal exactly once",
                    not proof.faults and proof.credits >= len(act.homes), proof.words())
    act.checks.note("published_kept", "every record ever published is there with the same bytes",
                    not proof.faults and proof.published > 0, f"{proof.published} records")
    lives = told.lives
    await stage.start_gateway()

    def again() -> tuple[bool, str]:
        boot = told.boot
        sequence = int(boot.get("sequence", 0))
        good = (told.lives == lives + 1 and boot.get("sound") is True and boot.get("boot_count") == boots + 1
                and sequence >= proof.image.chain.last_sequence)
        return good, f"boot {boot.get('boot_count')}, sequence {sequence}, sound {boot.get('sound')}"

    async def still_cut() -> tuple[bool, str]:
        view = told.accounts.get(customer.account)
        relay = (await stage.site.state()).meter(customer.address).relay
        good = (told.lives == lives + 1 and view is not None and (view.wish, view.seen) == (console.OFF, console.OPEN)
                and relay is not None and relay.open and relay.movements == 1)
        return good, f"relay moved {relay.movements if relay else 0} time" if good else "not read back yet"

    await act.checks.until("starts_again", "the next life replays the journal and goes on behind it", again, 20)
    await act.checks.until("cut_stands", "the cut stands: read back open, not ordered again", still_cut, 30)


assert set(KEEPS_ON) == set(STAY_ON) and all(bit.bit_length() - 1 in CONDITIONS for bit in KEEPS_ON.values())
assert cast.CUT == CUT
