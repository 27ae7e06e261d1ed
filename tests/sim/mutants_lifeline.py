"""More deliberate bugs: of load limits."""

from __future__ import annotations

from typing import Any

from firmware import gateway_supply
from firmware.base import relay
from firmware.cutoff import supply
from firmware.meter_bus.limit_sequence import LimitSequence
from firmware.meter_bus.relay_sequence import CLOCK
from tests.sim.patching import Swap, mutant


@mutant("a restore closes the relay and leaves the load limit")
def limit_left_behind(swap: Swap) -> None:
    plain = LimitSequence.__init__

    def init(sequence: Any, meter: int, action: int, *args: Any) -> None:
        plain(sequence, meter, action, *args)
        if action == relay.RESTORE:
            sequence.state = CLOCK

    swap(LimitSequence, "__init__", init)


@mutant("by what means a cut is done is not written down")
def means_forgotten(swap: Swap) -> None:
    plain = gateway_supply.note_limit

    def note_limit(ledger: Any, slot: Any, action: int, limit_w: int, found_w: int) -> None:
        if action != supply.WISH_LIMIT:
            plain(ledger, slot, action, limit_w, found_w)

    swap(gateway_supply, "note_limit", note_limit)


@mutant("a load limit is one step lower than the policy says")
def limit_rounded_down(swap: Swap) -> None:
    plain = gateway_supply.wished_w
    swap(gateway_supply, "wished_w", lambda slot, policy: max(0, plain(slot, policy) - 10 * slot.ratio))


@mutant("what the meter opens above its limit counts as found off")
def own_opening_found_off(swap: Swap) -> None:
    plain = gateway_supply.look

    def look(slot: Any, limit_w: int, view: Any) -> Any:
        limited, event = plain(slot, limit_w, view)
        if limited and slot.state == supply.LIMITED:
            slot.state = supply.ON
            return False, None
        return limited, event

    swap(gateway_supply, "look", look)
