"""Command line of the bus tool: arguments to commands, signals, exit status.

Exit status: 0 done; 1 the meter said no, is silent or does not obey; 2 used wrongly, the port is missing or fails, or the
answer cannot be written; 130 after Ctrl-C (128 + the signal). However it ends, the line is closed in order.

Trap avoided: a KeyboardInterrupt in the middle of a request would leave half a frame on the line and the transceiver
driving it; a signal here cancels the task, which lets go between two steps only.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable

from firmware.base.faults import BadInput
from firmware.base.limits import Limits
from host_tools.bus import scan, sniff
from host_tools.bus.arguments import parser
from host_tools.bus.meter import find_model, find_password, make_meter, parse_address
from host_tools.bus.order import Order, why_not
from host_tools.bus.output import Teller, leave_stdout
from host_tools.bus.port import BAUDS, Direction, HostLine, PortGone
from host_tools.bus.read import read, told_line
from host_tools.bus.talk import Talk, Wall
from host_tools.bus.tape import Head

DONE, SAID_NO, USED_WRONGLY, INTERRUPTED = 0, 1, 2, 130
SNIFF_BAUD = 2400
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Work = Callable[[HostLine], Awaitable[int]]


def main(arguments: list[str] | None = None) -> int:
    """Run one command -> exit status."""
    try:
        given = parser().parse_args(arguments)
        teller = Teller(given.json)
        status = _COMMANDS[given.command](given, teller)
        if teller.lost is not None:
            print(teller.lost, file=sys.stderr)
            return status or USED_WRONGLY
        return status
    except BadInput as fault:
        print(fault, file=sys.stderr)
    except PortGone as fault:
        print(f"port: {fault}", file=sys.stderr)
    except KeyboardInterrupt:  # before the line was open
        return INTERRUPTED
    except BrokenPipeError:  # of --help
        leave_stdout()
        return DONE
    return USED_WRONGLY


def _on_line(given: argparse.Namespace, baud: int, work: Work) -> int:
    """Open the line, do the work, leave the line in order; 128 + number when a signal ended it."""

    async def life() -> int:
        task = asyncio.current_task()
        caught: list[int] = []

        def stop(number: int) -> None:
            caught.append(number)
            if task is not None:
                task.cancel()

        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, stop, number)
        try:
            line = HostLine(given.port, baud, given.parity, _direction(given))
            try:
                if line.lacks_parity:
                    print(f"note: {given.port} does without parity, meters may stay silent", file=sys.stderr)
                return await work(line)
            finally:
                line.close()
        except asyncio.CancelledError:
            return 128 + caught[0] if caught else INTERRUPTED

    return asyncio.run(life())


def _direction(given: argparse.Namespace) -> Direction | None:
    return None if given.rts is None else Direction(given.rts == "kernel", not given.rts_low)


def _check_line(given: argparse.Namespace) -> None:
    if given.port is None:
        raise BadInput("port", "is missing: --port names the serial port of the adapter")
    if given.rts_low and given.rts is None:
        raise BadInput("rts-low", "goes with --rts only")


def _read(given: argparse.Namespace, teller: Teller) -> int:
    _check_line(given)
    meter = make_meter(given.address, find_model(given.model), given.baud)
    for di in given.item:
        if (di <= 0xFFFF) != meter.model.is_1997:
            raise BadInput("item", f"{di:X}: a meter of 1997 has identifiers of 4 digits, every other of 8")
    place = _place(given, meter.model.baud)

    async def work(line: HostLine) -> int:
        return await read(Talk(line, meter, Limits()), Wall(given.utc_offset_min), teller, given.item, place)

    return _on_line(given, meter.model.baud, work)


def _scan(given: argparse.Namespace, teller: Teller) -> int:
    _check_line(given)
    bauds = list(BAUDS) if given.baud is None else [given.baud]

    async def work(line: HostLine) -> int:
        return await scan.scan_one(line, bauds, given.window, teller)

    return _on_line(given, bauds[0], work)


def _sniff(given: argparse.Namespace, teller: Teller) -> int:
    if given.replay is not None:
        if given.port is not None or given.save is not None:
            raise BadInput("replay", "a saved file is shown without --port and --save")
        return sniff.replay(given.replay, teller, given.raw)
    _check_line(given)
    baud = given.baud or SNIFF_BAUD

    async def work(line: HostLine) -> int:
        head = Head(time.time_ns() // 1_000_000, time.localtime().tm_gmtoff, baud, given.silence, given.port)
        return await sniff.listen(line, head, teller, given.raw, given.seconds, given.save)

    return _on_line(given, baud, work)


def _relay(given: argparse.Namespace, teller: Teller) -> int:
    _check_line(given)
    parse_address(given.address)
    if given.model is None:
        raise BadInput("model", "is missing: --model says how this meter closes, and whether it may be ordered at all")
    model = find_model(given.model)
    reason = why_not(model)
    if reason is not None:
        raise BadInput("model", f"a {model.name} {reason}")
    if not given.yes:
        raise BadInput("yes", f"nothing was done: only with --yes is an order to {given.action} sent to meter {given.address}")
    password = find_password(given.password_file, given.address)
    meter = make_meter(given.address, model, given.baud, given.password_level, password)

    async def work(line: HostLine) -> int:
        teller.line(f"{given.action} meter {given.address}, model {model.name}, {_place(given, model.baud)}")
        order = Order(Talk(line, meter, Limits()), given.action, Wall(given.utc_offset_min), teller, given.wait)
        try:
            result, sentence, status = await order.carry_out()
        except (asyncio.CancelledError, PortGone) as fault:
            result = "interrupted" if isinstance(fault, asyncio.CancelledError) else "port failed"
            teller.aside(order.interrupted())
            teller.document(_relay_document(given, order, result, order.interrupted()))
            raise
        told_line(teller, order.line_report())
        teller.line(sentence)
        teller.document(_relay_document(given, order, result, sentence))
        return status

    return _on_line(given, model.baud, work)


def _relay_document(given: argparse.Namespace, order: Order, result: str, sentence: str) -> dict:
    return {
        "address": given.address,
        "action": given.action,
        "result": result,
        "sentence": sentence,
        "orders_sent": order.sent,
        "steps": order.steps,
        "line": order.line_report(),
    }


def _place(given: argparse.Namespace, baud: int) -> str:
    return f"{os.fspath(given.port)} at {baud} baud 8{'E' if given.parity == 'even' else 'N'}1"


_COMMANDS = {"read": _read, "scan-one": _scan, "sniff": _sniff, "relay": _relay}
