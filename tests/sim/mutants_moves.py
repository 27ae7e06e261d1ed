"""More deliberate bugs: of debts, credit limits, transformers, and of accounts that move."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from firmware.cutoff import decide
from firmware.gateway_slot import Slots
from firmware.gateway_supply import SupplyDesk
from firmware.ledger import carrying
from firmware.ledger.account_row import ISSUERS, ROW
from firmware.ledger.account_table import AccountTable
from firmware.ledger.accounts import Accounts
from firmware.tariff import charging, pricing
from tests.sim.patching import Swap, mutant


@mutant("a debt takes what lies above the floor")
def debt_below_restore(swap: Swap) -> None:
    plain = SupplyDesk.recover

    def recover(desk: Any, slot: Any) -> None:
        before, decide.restore_ucu = decide.restore_ucu, decide.floor_ucu
        try:
            plain(desk, slot)
        finally:
            decide.restore_ucu = before

    swap(SupplyDesk, "recover", recover)


@mutant("what a debt took of a credit is forgotten, and taken again from the next one's")
def debt_taken_twice(swap: Swap) -> None:
    plain = Accounts._on_recovery

    def on_recovery(accounts: Any, values: Any, at_s: int) -> None:
        kept = accounts.unrecovered.get(values[0])
        plain(accounts, values, at_s)
        if kept is not None and values[0] in accounts.debts:
            accounts.unrecovered[values[0]] = kept

    swap(Accounts, "_on_recovery", on_recovery)


@mutant("the transformers before a meter are not thought of")
def ratio_ignored(swap: Swap) -> None:
    for module, name in ((pricing, "charge_lines"), (charging, "charge_spans")):
        plain = getattr(module, name)
        swap(module, name, lambda *args, plain=plain: plain(*args[:-1], 1))


@mutant("a credit limit is not in the row of its account")
def limit_forgotten_by_snapshot(swap: Swap) -> None:
    plain = AccountTable.row_bytes
    swap(AccountTable, "row_bytes", lambda accounts, row: plain(accounts, row)[:170])


@mutant("who moves in has what the one before had")
def balance_moves_in(swap: Swap) -> None:
    plain = Accounts._on_moved

    def on_moved(accounts: Any, values: Any, at_s: int) -> None:
        plain(accounts, values, at_s)
        old, new = accounts.row_of(values[0]), accounts.row_of(values[1])
        accounts._set(new, "total_charged_ucu", accounts.get(old, "total_charged_ucu"))
        for place in range(ISSUERS):
            for name in ("issuer", "number", "total"):
                accounts._set(new, f"{name}_{place}", accounts.get(old, f"{name}_{place}"))

    swap(Accounts, "_on_moved", on_moved)


@mutant("after a restart a meter is that of the account in the settings again")
def move_forgotten_by_restart(swap: Swap) -> None:
    swap(Slots, "follow", lambda slots, followers: None)


def _taken(swap: Swap, spoil: Callable[[bytearray], None]) -> None:
    """Rows that come from another gateway are folded spoiled."""
    plain = carrying.take

    def take(accounts: Any, values: Any, sequence: int) -> None:
        row = bytearray(values[7])
        if values[1] != carrying.GIVEN:
            spoil(row)
        plain(accounts, (*values[:7], bytes(row)), sequence)

    swap(carrying, "take", take)


@mutant("who comes from another gateway begins its step period anew")
def transfer_forgets_used(swap: Swap) -> None:
    def spoil(row: bytearray) -> None:
        row[ROW.size + 6 : ROW.size + 10] = bytes(4)

    _taken(swap, spoil)


@mutant("who comes from another gateway was never charged")
def transfer_forgets_total(swap: Swap) -> None:
    _taken(swap, lambda row: ROW.set(row, 0, "total_charged_ucu", 0))


@mutant("who comes from another gateway is charged from where its segment began")
def transfer_charges_again(swap: Swap) -> None:
    def spoil(row: bytearray) -> None:
        for rate in range(5):
            ROW.set(row, 0, f"charged_{rate}", ROW.get(row, 0, f"from_{rate}"))

    _taken(swap, spoil)


@mutant("an account that was given away is judged and charged on")
def given_and_kept(swap: Swap) -> None:
    plain = carrying.take

    def take(accounts: Any, values: Any, sequence: int) -> None:
        if values[1] != carrying.GIVEN:
            plain(accounts, values, sequence)

    swap(carrying, "take", take)
