"""The head-end as the demo uses it: its command line for what people do, its database for what it knows."""

import asyncio
import json
import sys
from typing import Any

from host_tools.demo.claims_return import Backlog
from host_tools.demo.scenery import GATEWAY, Scenery
from host_tools.head_end import commands, lists
from host_tools.head_end.database import Database
from host_tools.set_up import paths

COMMAND_TIMEOUT_S = 30


class Books:
    """One read connection beside the running server."""

    def __init__(self, scenery: Scenery) -> None:
        self._scenery = scenery
        self.db = Database(scenery.database)

    def close(self) -> None:
        self.db.close()

    def open_accounts(self, now_s: int) -> None:
        """Gateway, accounts, documents and the opening credits, before the server starts."""
        scenery = self._scenery
        commands.import_site(self.db, str(scenery.root / "settings.json"), str(scenery.root / "key"))
        for kind in ("tariff", "policy"):
            for path in sorted(scenery.documents.glob(f"{kind}_*.json")):
                commands.set_document(self.db, kind, str(path), now_s)
        for one in scenery.households:
            commands.top_up(self.db, str(one.account), one.opening, f"opening-{one.account}", now_s)

    async def command(self, *words: str) -> tuple[int, dict[str, Any]]:
        """`python -m host_tools.head_end WORDS --json` -> exit status and its answer."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "host_tools.head_end", "--db", str(self._scenery.database), *words, "--json",
            cwd=paths.CHECKOUT, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, errors = await asyncio.wait_for(process.communicate(), COMMAND_TIMEOUT_S)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        try:
            answer = json.loads(out)
        except ValueError:
            answer = {"error": errors.decode(errors="replace").strip()}
        return process.returncode or 0, answer

    def pay(self, account: int, amount: str, reference: str, now_s: int) -> dict[str, Any]:
        """The `topup` command without the start of an interpreter, for a moment that is being measured."""
        return commands.top_up(self.db, str(account), amount, reference, now_s)

    def reading_counts(self) -> dict[int, int]:
        """How many readings of each account the database holds."""
        return {int(row[0]): int(row[1]) for row in self.db.rows("SELECT account, count(*) FROM readings GROUP BY account")}

    def registers(self) -> dict[int, int]:
        """The newest total register of each account, cwh."""
        rows = self.db.rows("SELECT account, max(number), total_cwh FROM readings WHERE total_cwh IS NOT NULL GROUP BY account")
        return {int(row["account"]): int(row["total_cwh"]) for row in rows}

    def fields_of(self, name: str) -> list[dict[str, Any]]:
        """All records of a kind, in the order of the journal."""
        return [json.loads(row[0]) for row in self.db.rows("SELECT fields FROM records WHERE name = ? ORDER BY sequence", name)]

    def raw_records(self) -> dict[int, bytes]:
        return {int(row[0]): bytes(row[1]) for row in self.db.rows("SELECT sequence, raw FROM records")}

    def held(self) -> tuple[int, int]:
        """(journal sequence, reading number) up to which the database holds everything."""
        row = self.db.row("SELECT sequence, readings_held FROM gateways WHERE name = ?", GATEWAY)
        return (int(row[0]), int(row[1])) if row else (0, 0)

    def backlog(self, since: tuple[int, int], upto: tuple[int, int]) -> Backlog:
        """One moment: what lacks behind `since` up to `upto` (record, reading), and what is there of the time after."""
        row = self.db.row(
            "SELECT (SELECT count(*) FROM records WHERE sequence > ? AND sequence <= ?),"
            " (SELECT count(*) FROM readings WHERE number > ? AND number <= ?), (SELECT count(*) FROM readings WHERE number > ?)",
            since[0], upto[0], since[1], upto[1], upto[1],
        )
        assert row is not None
        return Backlog(upto[0] - since[0] - int(row[0]), upto[1] - since[1] - int(row[1]), int(row[2]))

    def receipts(self, *numbers: tuple[int, int]) -> list[str]:
        """Receipts of credits named by (account, number), of all when none is named."""
        rows = {(int(row[0]), int(row[1])): str(row[2]) for row in self.db.rows("SELECT account, number, receipt FROM credits")}
        return [rows.get(number, "") for number in numbers] if numbers else list(rows.values())

    def order_state(self, account: int, number: int) -> tuple[str, int]:
        """(state, reason) of an order."""
        row = self.db.row("SELECT state, reason FROM orders WHERE account = ? AND number = ?", account, number)
        return (str(row[0]), int(row[1] or 0)) if row else ("", 0)

    def balances(self) -> dict[int, int]:
        """Balances folded from the records held here, ucu."""
        return {int(str(row["account"])): int(str(row["balance_ucu"])) for row in lists.accounts(self.db)}
