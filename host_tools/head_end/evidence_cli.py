"""Command line, part: evidence - journals exported and verified, and how soon after a payment the light was back.

Exit status 0 sound, 1 found wrong, 2 used wrongly.
"""

import argparse
import json
import time
from collections.abc import Callable

from host_tools.head_end import restore_times, show, verify_journal
from host_tools.head_end.commands import parse_account
from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadInput

EXPORTS = (
    "A file is what `export-journal` writes, or of a flash image `journal_reader IMAGE --write-export FILE`. Without --gateway it is"
    " found by the records and countersignatures in the file. Exit status: 0 sound, 1 edited, shortened or forked, 2 used wrongly."
)
DAYS_MAX = 3_660
RESTORES = ("account", "gateway", "reference", "paid_at_s", "way_s", "relay_s", "total_s", "button_s", "state")


def add_verbs(verb: Callable[[str, str], argparse.ArgumentParser]) -> None:
    verify = verb("verify-journal", "Is an exported journal, or what is held here of a gateway, whole and unchanged?")
    verify.epilog = EXPORTS
    verify.add_argument("file", nargs="?", help="left out: the records held here, of --gateway")
    verify.add_argument("--gateway", help="whose it is")
    verify.add_argument("--part", action="store_true", help="it may begin late and end early")
    verify.add_argument("--chain-only", action="store_true", help="needs no database; countersignatures are not made again")
    export = verb("export-journal", "Write all records held of a gateway into a new file.")
    export.add_argument("gateway")
    export.add_argument("file")
    restores = verb("restore-times", "How soon after a payment the light was back: each restore, and half, 95 of 100 and the longest.")
    restores.add_argument("account", nargs="?", help="of this account only")
    restores.add_argument("--days", type=int, default=30, help="of the last so many days (default %(default)s)")


def chain_only(given: argparse.Namespace) -> int:
    """Without a database."""
    if given.file is None or given.gateway is not None:
        raise BadInput("chain-only", "is for a file, and knows no gateway")
    return _tell(verify_journal.verify_file(None, given.file, None, given.part), given.json)


def _verify(db: Database, given: argparse.Namespace) -> int:
    if given.file is not None:
        return _tell(verify_journal.verify_file(db, given.file, given.gateway, given.part), given.json)
    if given.gateway is None:
        raise BadInput("file", "is missing: name a file, or --gateway for the records held here")
    if given.part:
        raise BadInput("part", "is for a file: what is held here is to be whole")
    return _tell(verify_journal.verify_held(db, given.gateway), given.json)


def _tell(verdict: verify_journal.Verdict, as_json: bool) -> int:
    if as_json:
        print(json.dumps(verdict.as_json()))
    else:
        show.show_lines([verdict.in_words(), *("note: " + sentence for sentence in verdict.notes)])
    return 1 if verdict.found else 0


def _export(db: Database, given: argparse.Namespace) -> int:
    show.show_answer(verify_journal.export(db, given.gateway, given.file), given.json)
    return 0


def _restore_times(db: Database, given: argparse.Namespace) -> int:
    if not 1 <= given.days <= DAYS_MAX:
        raise BadInput("days", f"must be from 1 to {DAYS_MAX}, got {given.days}")
    account = None if given.account is None else parse_account(given.account)
    found = restore_times.restores(db, account, given.days, int(time.time()))
    show.show_rows([restore.as_row() for restore in found], RESTORES, given.json, "restores")
    if not given.json:
        show.show_lines(restore_times.figures(found))
    return 0


COMMANDS = {"verify-journal": _verify, "export-journal": _export, "restore-times": _restore_times}
