"""Steps 3 to 5: the broker is gone, a balance reaches its floor, the power goes.

The five accounts that fall below zero differ from each other in one thing each. What keeps four of them on is read from
the evidence in the journal (SPEC 6, `failed`): exactly one condition, and the one of their part.
"""

import asyncio
import time

from host_tools.demo import claims_outage, claims_running, console
from host_tools.demo.act import Act
from host_tools.demo.cast import BELOW_ZERO, CUT, HOURS, PROTECTED, QUEUED, SILENT, STAY_ON, UNWARNED, Household
from host_tools.demo.checks import Verdict
from host_tools.demo.programme import stays_on
from host_tools.demo.scenery import GATEWAY, NOTICE_PERIOD_S

LOW_TARGET_UCU, CUT_TARGET_UCU, BELOW_TARGET_UCU = 4_000_000, -800_000, -1_000_000
ALARM, DELIVERED, VERIFIED = 2, 2, 5
ACTION_CUT = 1
KILL_LATEST_S = 4.0
PAID_FIRST = "25.00"
WHY_ON = {
    PROTECTED: "it is protected", HOURS: "outside its allowed hours", SILENT: "its meter fell silent", UNWARNED: "not yet warned",
}


async def broker_stops(act: Act) -> None:
    told, stage, until = act.stage.console, act.stage, act.checks.until
    await _pay_into_the_broker(act)
    await stage.stop_broker()
    act.down_since = time.monotonic()
    replies_before = await stage.replies()
    act.say("the broker is stopped", "bold red")
    await act.use_energy({act.of(SILENT): LOW_TARGET_UCU})  # its notice must be old enough when its meter falls silent
    numbered_before = int(told.part("readings").get("last", 0))

    async def gone() -> Verdict:
        assert stage.broker is not None
        return claims_running.broker_gone(stage.broker.process.returncode, await stage.broker_reachable())

    def noticed() -> Verdict:
        return claims_running.outage_noticed(told.now_at > act.down_since, told.part("link").get("connected"))

    async def reads() -> Verdict:
        numbered = int(told.part("readings").get("last", 0)) - numbered_before
        return claims_running.reads_go_on(numbered, replies_before, await stage.replies())

    def charges() -> Verdict:
        noted = told.records("CHARGE", since=act.down_since)
        counts = {account: sum(one.record.account == account for one in noted) for account in act.accounts}
        return claims_running.every_account(counts, act.accounts, "accounts", "charges since")

    await until("broker_gone", "the broker has ended", gone, 10)
    await until("outage_noticed", "the gateway knows that its link is down", noticed, 20)
    await until("reads_without_uplink", "a full round of readings goes on", reads, 30)
    await until("charges_without_uplink", "each account is charged, into the journal", charges, 30)


async def _pay_into_the_broker(act: Act) -> None:
    """The gateway's network goes first, so a payment gets as far as the broker; what is wiped later is the only copy there."""
    stage, payer, topic = act.stage, act.of(QUEUED), f"{GATEWAY}/down/credits"
    stage.tap.cut()
    await act.checks.wait(lambda: stage.console.part("link").get("connected") is False, 10)
    answer = stage.books.pay(payer.account, PAID_FIRST, "shop-1", int(time.time()))
    act.queued.append((payer.account, int(answer["number"])))
    act.say(f"the gateway's network is gone; account {payer.account} pays {PAID_FIRST}, which waits in the broker", "yellow")
    await act.checks.until(
        "payment_in_broker", "a payment waits in the broker's memory, which will be lost",
        lambda: claims_running.payment_in_broker(str(answer["answer"]), stage.broker_memory(), topic), 15,
    )


async def balance_reaches_floor(act: Act) -> None:
    customer = act.of(CUT)
    await act.stage.site.set(customer.address, programming_key=True)  # a mark in its status word, see claims_outage.MARK_BIT
    paying = asyncio.create_task(_pay_while_down(act))
    silence = asyncio.create_task(_fall_silent(act, act.of(SILENT)))
    try:
        await _warn(act)
        await _fall_below_zero(act, silence)
        await _see_the_cut(act, customer)
        for role in STAY_ON:
            await _stays_on(act, act.of(role), role)
        await act.checks.until("others_not_cut", "no other meter was ever told to trip", lambda: _trips(act, customer), 1)
        await paying
    finally:
        for task in (paying, silence):
            task.cancel()
        await asyncio.gather(paying, silence, return_exceptions=True)


async def _warn(act: Act) -> None:
    warned = [act.of(role) for role in BELOW_ZERO if role != UNWARNED]
    await act.use_energy({one: LOW_TARGET_UCU for one in warned if one.role != SILENT})

    async def alarms() -> Verdict:
        return claims_outage.alarms_sound(await act.stage.site.events(), [one.address for one in warned])

    def counted() -> Verdict:
        counts = {one.account: len(_alarm_notices(act, one)) for one in warned}
        return claims_running.every_account(counts, list(counts), "accounts", "notices journalled as delivered")

    await act.checks.until("alarm_on_meters", "four meters sound their alarm", alarms, 40)
    await act.checks.until("alarm_counts", "an alarm that was read back counts as the notice", counted, 20)


def _alarm_notices(act: Act, one: Household) -> list[console.Noted]:
    return act.stage.console.records("NOTICE", one.account, channel=ALARM, outcome=DELIVERED)


async def _fall_silent(act: Act, one: Household) -> None:
    """Below zero as soon as it is warned, and silent from the moment that reading is known: what follows is the silence alone."""
    await act.checks.wait(lambda: bool(_alarm_notices(act, one)), 40)
    await act.use_energy({one: BELOW_TARGET_UCU})
    await act.checks.wait(lambda: (act.available(one) or 0) < 0, 30)
    await act.stage.site.set(one.address, silent=True)
    act.say(f"the meter of account {one.account} falls silent", "red")


async def _fall_below_zero(act: Act, silence: asyncio.Task[None]) -> None:
    homes = [act.of(role) for role in BELOW_ZERO]
    await act.use_energy({one: CUT_TARGET_UCU if one.role == CUT else BELOW_TARGET_UCU for one in homes if one.role != SILENT})
    act.checks.hint("the meters have been read again, and one of them falls silent")
    await silence
    await act.checks.until(
        "five_below_zero", "one account is below zero, four others as far or further",
        lambda: claims_outage.below_zero({one.account: act.available(one) for one in homes}, act.of(CUT).account), 30,
    )


async def _see_the_cut(act: Act, customer: Household) -> None:
    told, until = act.stage.console, act.checks.until

    def decisions() -> list[console.Noted]:
        return told.records("DECISION", customer.account)

    async def moves() -> Verdict:
        return claims_outage.relay_moved(await act.stage.meter_events(customer.address, "relay_moved"), [True])

    async def back() -> Verdict:
        cuts = told.records("DECISION", customer.account, verdict=claims_outage.DECIDED_CUT)
        good, words = claims_outage.read_back(
            cuts[0].at if cuts else None, await act.stage.meter_events(customer.address, "relay_moved"),
            (await act.stage.meters()).meter(customer.address).status3,
            told.records("SEEN", customer.account, seen=console.OPEN),
            told.records("RELAY", customer.account, action=ACTION_CUT, phase=VERIFIED), console.OPEN,
        )
        return good, f"decision to read back {words}"

    async def warned() -> Verdict:
        return claims_outage.warned_first(await act.stage.site.events(), customer.address, NOTICE_PERIOD_S)

    await until("cut_decided", f"account {customer.account} is cut: every condition holds",
                lambda: claims_outage.cut_decided(decisions()), 30)
    await until("relay_open", "the meter's contacts opened, once", moves, 20)
    await until("warned_first", "its meter had sounded the alarm before", warned, 1)
    await until("cut_read_back", "the relay was read back open", back, 20)


async def _stays_on(act: Act, one: Household, role: str) -> None:
    async def stays() -> Verdict:
        relay = (await act.stage.meters()).meter(one.address).relay
        return claims_outage.stays_on(relay, act.stage.console.records("DECISION", one.account), act.available(one), role)

    await act.checks.until(stays_on(role), f"account {one.account} stays on: {WHY_ON[role]}", stays, 60)


async def _trips(act: Act, customer: Household) -> Verdict:
    return claims_outage.only_one_tripped(await act.stage.site.events(), customer.address)


async def _pay_while_down(act: Act) -> None:
    """Two more payments that must wait, and the first one given again."""
    stage, payer = act.stage, act.of(QUEUED)
    payments = [(payer.account, "0.123456", "shop-2"), (act.homes[-1].account, "7.50", "shop-3"),
                (payer.account, PAID_FIRST, "shop-1")]
    answers = []
    for account, amount, reference in payments:
        _, answer = await stage.books.command("topup", str(account), amount, "--reference", reference)
        answers.append(str(answer.get("answer", answer.get("error"))))
        if answer.get("answer") == "created":
            act.queued.append((account, int(answer["number"])))
    act.note("payments_while_offline", "two more payments are booked; a reference used twice 'exists'",
             claims_outage.payments_booked(answers))


async def gateway_is_killed(act: Act) -> None:
    stage, told, customer, until = act.stage, act.stage.console, act.of(CUT), act.checks.until
    moment_s = stage.random.uniform(0.2, KILL_LATEST_S)
    act.checks.hint("a random moment has come")
    await asyncio.sleep(moment_s)
    act.checks.hint("")
    boots, lives = int(told.boot.get("boot_count", 0)), told.lives
    status = await stage.kill_gateway()
    act.say(f"SIGKILL after {moment_s:.2f} s", "bold red")
    act.note("killed", "the gateway died of SIGKILL, at a moment that the seed chose",
             (status == claims_outage.KILLED, f"status {status}, {moment_s:.2f} s into the step"))
    proof = stage.proof_of("region_killed.bin")
    act.note("journal_sound", "an independent reader finds the journal sound", claims_outage.journal_sound(proof.image))
    act.note("acknowledged_once", "all that was acknowledged on the wire is in the journal, once",
             claims_outage.acknowledged_once(proof, len(act.homes)))
    act.note("published_kept", "all that was published is there, byte for byte", claims_outage.published_kept(proof))
    act.note("told_kept", "all that the console told is there", claims_outage.told_kept([one.record for one in told.noted], proof.image))
    await stage.start_gateway()

    def again() -> Verdict:
        return claims_outage.starts_again(told.boot, told.lives, lives, boots, proof.image.chain.last_sequence or 0)

    async def still_cut() -> Verdict:
        relay = (await stage.meters()).meter(customer.address).relay
        return claims_outage.cut_stands(told.accounts.get(customer.account), relay, told.lives == lives + 1)

    await until("starts_again", "the next life replays the journal and goes on behind it", again, 20)
    await until("cut_stands", "the cut stands: read back, not ordered again", still_cut, 30)
