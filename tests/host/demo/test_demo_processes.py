"""Children end in any case, a death is told, and the console of a gateway that was killed in mid-line is no complaint."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from host_tools.demo.console import Console
from host_tools.demo.processes import ChildDied, Children, free_ports

HERE = Path(__file__).parent


def run(walk) -> None:
    """walk(children), then every child must be gone."""

    async def all_of_it() -> None:
        children = Children()
        try:
            await walk(children)
        finally:
            await children.stop_all()

    asyncio.run(all_of_it())


def python(code: str) -> list[str]:
    return [sys.executable, "-u", "-c", code]


def test_a_child_that_dies_is_told_with_its_last_words():
    async def walk(children: Children) -> None:
        await children.start("meters", python("import sys; print('so long', file=sys.stderr); sys.exit(3)"), HERE)
        with pytest.raises(ChildDied, match=r"meters \(pid \d+\) ended with exit status 3; its last lines:\n    so long"):
            await asyncio.wait_for(children.died, 10)

    run(walk)


def test_a_child_that_does_not_obey_is_killed(monkeypatch):
    monkeypatch.setattr("host_tools.demo.processes.STOP_TIMEOUT_S", 0.2)

    async def walk(children: Children) -> None:
        lines: list[str] = []
        code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready'); time.sleep(60)"
        child = await children.start("stubborn", python(code), HERE, on_line=lines.append)
        while not lines:
            await asyncio.sleep(0.01)
        await children.stop(child)
        assert child.process.returncode == -9 and not children.died.done()

    run(walk)


def test_half_a_line_of_a_killed_child_is_not_told_and_its_errors_are_kept():
    async def walk(children: Children) -> None:
        lines: list[str] = []
        code = "import sys; print('whole'); print('oh', file=sys.stderr); sys.stdout.write('ha'); sys.stdout.flush(); sys.stdin.read()"
        child = await children.start("gateway", python(code), HERE, on_line=lines.append)
        child.expected_to_end = True
        await child.process.wait()
        await asyncio.gather(*child.readers)
        assert lines == ["whole"] and children.errors_of("gateway") == ["oh"] and children.errors_of("meters") == []

    run(walk)


def test_a_program_that_is_not_there_is_told():
    async def walk(children: Children) -> None:
        with pytest.raises(ChildDied, match="broker cannot be started"):
            await children.start("broker", [str(HERE / "nothing")], HERE)

    run(walk)


def test_two_ports_are_two():
    assert all(len(set(free_ports())) == 2 for _ in range(50))


def test_the_console_keeps_what_it_does_not_understand():
    console = Console()
    for line in ("Traceback (most recent call last):", "[1]", '{"record": {"kind": 7, "sequence": 1, "at_s": 0, "values": []}}',
                 '{"accounts": [[1]]}'):
        console.hear(line)
    assert len(console.other) == 4 and console.noted == []


def test_the_console_tells_lives_records_and_the_present():
    console = Console()
    console.hear(json.dumps({"boot": {"boot_count": 1}}))
    console.hear(json.dumps({"record": {"kind": 15, "sequence": 4, "at_s": 9, "values": [1001, 2, 208]}}))
    console.hear(json.dumps({"now": {"link": {"connected": True}}}))
    console.hear(json.dumps({"accounts": [[1001, "2100", 5, 6, 7, 8, 1, 2, 0, "OFF"]]}))
    found = console.records("SEEN", 1001, seen=2)
    assert [one.record.number("status_word") for one in found] == [208] and found[0].life == 1
    assert console.records("SEEN", 1002) == console.records("SEEN", seen=1) == console.records("SEEN", since=found[0].at + 1) == []
    assert console.part("link") == {"connected": True} and console.part("bus") == {}
    assert console.accounts[1001].available_ucu == 7 and console.other == []
