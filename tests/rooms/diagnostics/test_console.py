"""The console of a whole gateway on a virtual clock: what is asked is answered row by row, and nothing stops the gateway."""

import gc
import json

from firmware.base import aio
from firmware.base.faults import Broken
from firmware.diagnostics.request_reader import Request
from tests.console_kit import answer, part, quiet
from tests.fake_board import World, policy
from tests.hall_kit import in_contact, records, until
from tests.kit import cases, eq, raises


def ask(requests, meters=2, **options):
    """Each answer to `requests` of a gateway that has read its meters."""
    world = quiet(World(meters=meters, **options))

    async def script(world):
        await until(lambda: world.slot(meters - 1).reading is not None)
        answers = []
        for request in requests:
            answers.append(await answer(world, request))
        return answers

    return world.run(script)


def test_every_line_of_an_answer_bears_its_number_and_only_the_last_one_ends_it():
    for lines in ask([{"ask": name, "id": 7} for name in ("status", "meters", "accounts", "visits", "events", "logs", "journal")]):
        eq([line.get("re") for line in lines], [7] * len(lines))
        eq([line.get("end") for line in lines], [None] * (len(lines) - 1) + [True])
        eq("no" in lines[-1], False)


def test_status_says_who_it_is_and_which_protocol():
    lines = ask([{"ask": "status"}])[0]
    about = part(lines, "about")[0]
    eq((about["protocol"], about["mode"], about["gateway"], about["board"]), (1, "running", "gw-test", "fake"))
    eq((about["meters"], about["accounts"], about["boot_count"]), (2, 2, 1))
    for name in ("journal", "readings", "link", "bus", "clock", "memory"):
        eq(len(part(lines, name)), 1, name)


def test_meters_and_accounts_are_a_line_each():
    meters, accounts = ask([{"ask": "meters"}, {"ask": "accounts"}], meters=3)
    eq([row[:3] for row in part(meters, "meter")], [[0, "210000000001", 1001], [1, "210000000002", 1002], [2, "210000000003", 1003]])
    eq([len(row) for row in part(meters, "meter")], [20] * 3)
    eq([row[0] for row in part(accounts, "account")], [1001, 1002, 1003])
    eq([len(row) for row in part(accounts, "account")], [21] * 3)


def test_visits_are_a_line_for_each_care_customer_in_need():
    world = quiet(World(meters=3, flags={0: {"care": True}, 1: {"care": True}}, policies=[policy(care={"lead_days": 5})]))

    async def script(world):
        in_contact(world)
        for index in (1, 2):
            world.credit(30_000_000 * index, index)
        await until(lambda: world.row("episode_open", 0) and world.slot(2).reading is not None)
        world.credit(-60_000_000, 2)
        return await answer(world, {"ask": "visits"})

    rows = part(world.run(script), "visit")
    eq([row[0] for row in rows], [1001], "one has money, one needs no visit")
    eq(rows[0][3:8], [None, 5, True, False, 1])


def test_the_journal_comes_in_pieces_with_the_chain_before_each():
    whole, tail, beyond = ask(
        [{"ask": "journal", "from": 1, "count": 1000}, {"ask": "journal", "count": 2}, {"ask": "journal", "from": 9999}]
    )
    oldest, last = part(whole, "held")[0]
    eq(oldest, 1)
    eq(part(whole, "piece")[0], [1, 1, "0000000000000000"])
    eq([int(text[4:6], 16) for text in part(whole, "bytes")][:last], list(range(1, last + 1)))
    oldest, last = part(tail, "held")[0]
    eq([int(text[4:6], 16) for text in part(tail, "bytes")], [last - 1, last])
    eq((part(beyond, "bytes"), beyond[-1]["end"]), ([], True))


def test_why_shows_what_is_known_now_and_the_last_decision_with_what_came_of_it():
    world = quiet(World(policies=[policy(notice={"level": "5.00", "period_s": 1, "channels": ["alarm"]})]))

    async def script(world):
        in_contact(world)
        before = await answer(world, {"ask": "why", "account": 1001})
        world.credit(100_000)
        in_contact(world)
        await until(lambda: world.row("wish") == 1 and world.row("seen") == 2, 900_000)
        return before, await answer(world, {"ask": "why", "account": 1001}), records(world, 13)[-1]

    before, lines, decision = world.run(script)
    facts = {}
    for one in part(lines, "facts"):
        facts.update(one)
    eq(part(lines, "decision"), ["".join(["%02x" % byte for byte in decision])])
    eq((facts["wish"], facts["seen"], facts["floor_ucu"], facts["policy"]), (1, 2, 0, 1))
    eq(facts["available_ucu"] <= 0, True)
    eq(len(part(lines, "then")) >= 3, True)  # ordered, acknowledged, verified
    eq(set(int(text[2:4], 16) for text in part(lines, "then")) >= {14, 15}, True)
    eq(part(before, "then"), [])


def test_the_last_decision_is_known_after_a_restart():
    world = quiet(World())

    async def judged(world):
        await until(lambda: records(world, 13) != [])

    async def asked(world):
        return part(await answer(world, {"ask": "why", "account": 1001}), "decision")

    world.run(judged)
    world.meters[0].silent = True  # nothing new is decided
    eq(len(world.run(asked)), 1)


def test_what_ended_a_life_is_told_in_the_next_one():
    world = quiet(World())

    async def dies(world):
        await until(lambda: world.slot().reading is not None)
        world.firmware.bus.plan.next_meter = None
        await aio.sleep_ms(10_000)

    async def sticks(world):
        world.firmware.supervisor._silence_max_ms[0] = 1
        await aio.sleep_ms(10_000)

    async def asked(world):
        return "".join(part(await answer(world, {"ask": "logs"}), "last_fault"))

    eq(world.run(asked), "")
    raises(TypeError, world.run, dies)
    text = world.run(asked)
    eq(("task bus" in text, "TypeError" in text), (True, True), text)
    raises(Broken, world.run, sticks)
    eq("task is stuck: bus" in world.run(asked), True)


def test_what_the_board_cannot_answer_it_says():
    rows = (
        ({"ask": "dance"}, "unknown"),
        ({"ask": "why"}, "argument"),
        ({"ask": "why", "account": 5}, "account"),
        ({"ask": "why", "account": "1001"}, "argument"),
        ({"ask": "journal", "count": 0}, "argument"),
        ({"ask": "journal", "count": 1 << 30}, "argument"),
        ({"ask": "events", "from": -1}, "argument"),
        ({"ask": "watch"}, "argument"),
        ({"ask": "watch", "seconds": 3_601}, "argument"),
        ({"ask": "maintenance", "seconds": 300}, "argument"),
        ({"ask": "maintenance", "seconds": 300, "mac": "0" * 64}, "challenge"),
    )
    answers = ask([dict(row[0], id=3) for row in rows])
    cases([(at,) for at in range(len(rows))], lambda at: eq((answers[at][-1].get("no"), answers[at][-1]["re"]), (rows[at][1], 3)))


def test_an_answer_that_fails_is_an_answer_and_the_gateway_lives_on():
    world = quiet(World())

    async def script(world):
        await until(lambda: world.slot().reading is not None)
        world.gateway.supply.facts_of = None  # a bug of ours
        lines = await answer(world, {"ask": "accounts", "id": 4})
        eq((lines[-1]["re"], lines[-1]["no"]), (4, "failed"))
        del world.gateway.supply.facts_of
        events = part(await answer(world, {"ask": "events"}), "event")
        eq(events[-1][2], 214)
        await aio.sleep_ms(10_000)
        return len(part(await answer(world, {"ask": "accounts"}), "account"))

    eq(world.run(script), 1)


def test_garbage_is_answered_once_a_second_and_the_gateway_goes_on():
    world = quiet(World())

    async def script(world):
        await until(lambda: world.slot().reading is not None)
        lines = await answer(world, "x\n" * 50)
        eq([(line["re"], line["no"]) for line in lines], [(None, "garbage")])
        await aio.sleep_ms(2_000)
        lines = await answer(world, "y" * 10_000 + "\n")
        eq([line["no"] for line in lines], ["too_long"])
        events = part(await answer(world, {"ask": "events"}), "event")
        eq(events[-1][2:], [211, 51, 0, 51])
        return world.gateway.slots[0].silent_turns

    eq(world.run(script), 0)


def test_an_answer_keeps_as_little_at_its_last_row_as_at_its_first():
    world = quiet(World(meters=24, limits={"accounts_max": 24}))

    async def script(world):
        await until(lambda: world.slot(23).reading is not None)
        answers = world.firmware.console._answers
        found = []
        for ask_for in ("journal", "meters", "accounts", "journal", "events", "status", "why"):
            request = Request(ask_for, 1, {"from": 1, "count": 10_000, "account": 1001})
            found.append((ask_for,) + measured(answers.rows(request, 0)))
        return found

    for name, rows, grown, longest in world.run(script)[1:]:  # the first look into the journal takes the reader's window
        eq(rows >= 24 or name in ("events", "status", "why"), True, name)
        eq(grown < 5_000, True, "%s keeps %d bytes more" % (name, grown))
        eq(longest < 700, True, "%s: a line of %d bytes" % (name, longest))


def measured(answer):
    """(rows, by how much the heap grew at most between the first row and any other, the longest line)."""
    rows = longest = first = most = 0
    for row in answer:
        longest = max(longest, len(json.dumps(row)))
        rows += 1
        if hasattr(gc, "mem_alloc"):  # CPython has its own ways; the boards are what counts
            gc.collect()
            now = gc.mem_alloc()
            first = first or now
            most = max(most, now - first)
    return rows, most, longest


def test_a_new_request_ends_the_answer_before():
    world = quiet(World(meters=2))

    async def script(world):
        await until(lambda: world.slot(1).reading is not None)
        del world.console.lines[:]
        world.console.ask('{"ask":"journal","from":1,"count":9999,"id":1}\n')
        await until(lambda: len(world.console.lines) >= 3)
        world.console.ask('{"ask":"status","id":2}\n')
        await aio.sleep_ms(5_000)
        return [json.loads(line) for line in world.console.lines]

    lines = world.run(script)
    ends = [(line["re"], line.get("no")) for line in lines if "end" in line]
    eq(ends, [(1, "overtaken"), (2, None)])
    numbers = [line["re"] for line in lines]
    eq(numbers, sorted(numbers))


def test_a_request_that_is_sent_again_is_answered_once():
    world = quiet(World(meters=2))

    async def script(world):
        await until(lambda: world.slot(1).reading is not None)
        lines = await answer(world, '{"ask":"meters","id":6}\n' * 3)
        await aio.sleep_ms(3_000)
        return len(lines), len(world.console.lines)

    eq(world.run(script), (3, 3))


def test_no_more_is_said_in_a_second_than_the_wire_carries():
    world = quiet(World(meters=12))
    world.console_bytes_s = 1_000

    async def script(world):
        await until(lambda: world.slot(11).reading is not None)
        await aio.sleep_ms(1_000)
        del world.console.lines[:]
        world.console.ask('{"ask":"accounts"}\n')
        said = []
        while not any('"end"' in line for line in world.console.lines):
            await aio.sleep_ms(1_000)
            said.append(sum([len(line) for line in world.console.lines]) - sum(said))
        return said

    said = world.run(script)
    eq(max(said) <= 1_300, True, str(said))
    eq(sum(said) > 1_000, True)


def test_a_watch_tells_records_numbers_and_accounts_and_ends_by_itself():
    world = quiet(World(meters=2))

    async def script(world):
        await answer(world, {"ask": "watch", "seconds": 30})
        await aio.sleep_ms(29_000)
        seen = [json.loads(line) for line in world.console.lines]
        await aio.sleep_ms(3_000)
        del world.console.lines[:]
        await aio.sleep_ms(20_000)
        return seen, world.console.lines

    seen, after = world.run(script)
    eq(set([row[0] for row in part(seen, "account")]), {1001, 1002})
    eq(20 <= len(part(seen, "now")) <= 30, True, str(len(part(seen, "now"))))
    sequences = [one["sequence"] for one in part(seen, "record")]
    eq(sequences, list(range(sequences[0], sequences[0] + len(sequences))))
    eq(after, [])


def test_a_reader_that_does_not_read_stops_nothing_and_the_next_one_gets_an_answer():
    world = quiet(World())

    async def script(world):
        world.console.deaf = True
        world.console.ask('{"ask":"journal","from":1,"count":100,"id":1}\n{"ask":"watch","seconds":3600}\n')
        await aio.sleep_ms(60_000)
        before = world.gateway.ledger.readings.last_number
        eq(before > 3, True)
        world.console.deaf = False
        lines = await answer(world, {"ask": "status", "id": 2})
        return [line["re"] for line in lines]

    eq(set(world.run(script)), {2})


def test_a_board_that_streams_tells_each_record_once_and_its_state_each_second_unasked():
    world = quiet(World(meters=2))
    world.console_streams = True

    async def script(world):
        first = world.gateway.ledger.sequence + 1
        await aio.sleep_ms(5_000)
        world.console.deaf = True  # a reader that does not read for a while loses states and no record
        world.credit(1_000_000)
        await aio.sleep_ms(2_000)
        world.console.deaf = False
        await aio.sleep_ms(3_050)
        return range(first, world.gateway.ledger.sequence + 1), [json.loads(line) for line in world.console.lines]

    written, lines = world.run(script)
    eq([row["sequence"] for row in part(lines, "record")], list(written))
    eq(len(part(lines, "now")) in (8, 9), True, str(len(part(lines, "now"))))
    eq(len(part(lines, "accounts")), len(part(lines, "now")))
