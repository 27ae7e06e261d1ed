"""What flash, verify, backup, restore and erase do with a board at its prompt, in the order that keeps it safe.

Backup first, then the slot that is not in use, then files, the choice of the slot last, then everything is proved by hash,
then the board goes back to work. The journal's flash is opened for reading; for writing only by restore and erase, and where it
is not blank only when --erase-journal was typed out.

Trap avoided: settings of one gateway on the journal of another would bill strangers; the names must agree.
"""

from collections.abc import Callable
from pathlib import Path

from host_tools.flash import backup as backups
from host_tools.flash import files_image
from host_tools.flash.application import Application
from host_tools.flash.backup import Backup, gateway_of
from host_tools.flash.board_folder import Part
from host_tools.flash.build import SUPERBLOCKS, said_blocks
from host_tools.flash.errors import FlashError
from host_tools.flash.install import Sent, differences, install, write_slot
from host_tools.flash.live_board import LiveBoard, block_digest
from host_tools.flash.progress import say, step
from host_tools.flash.session import Session

RESTORED = "restored"  # the firmware cuts nobody while it is there (firmware/DESIGN.md, books from a backup)
NOT_RESTORED = ("slot", "maintenance", "boot.py", "main.py", RESTORED)  # of the board as it is, not of the gateway
Asked = Callable[[str], bool]  # a person's yes


def flash_board(session: Session, made: Application, place: Path, agreed: Asked) -> Sent:
    """Bring a board to what was built, with a backup before; FlashError leaves it as it was."""
    live, sent = session.live, Sent()
    backups.take_backup(live, place)
    if not live.mounted():
        _begin_files(session, made, agreed, sent)
        live = session.live
    _same_gateway(live, made)
    install(live, made, sent)
    wrong = differences(live, made)
    if wrong:
        raise FlashError(f"the board is not as it should be afterwards: {wrong[0]}; it has not been restarted: give the same command again")
    return sent


def _same_gateway(live: LiveBoard, made: Application) -> None:
    if "settings.json" not in made.files or "settings.json" not in live.files():
        return
    there, given = gateway_of(live.read_file("settings.json")), gateway_of(made.files["settings.json"])
    if there is not None and there != given:
        raise FlashError(
            f"this board is gateway {there}, the settings are those of {given}: nothing was changed; to make it another gateway, "
            f"erase it first (flash.py erase {live.board.name} --erase-journal)"
        )


def _begin_files(session: Session, made: Application, agreed: Asked, sent: Sent) -> None:
    """A file system on a board that has none; what could not be read of an older one is in the backup as raw blocks."""
    live, board = session.live, made.board
    part = board.parts["files"]
    there = live.digests(part)
    if any(there) and not agreed("the file system of this board cannot be mounted; make a new one (its blocks are in the backup)?"):
        raise FlashError("the file system of this board cannot be mounted and was left as it is: say yes, or give --yes, to make a new one")
    if board.has_slots:  # before the files: with both the board would start by itself
        write_slot(live, made, board.parts["slot_a"], sent)
    program_size = files_image.program_size_of(board.platform)
    blank = files_image.build_littlefs({}, part.size, board.erase_size, program_size)
    blocks = said_blocks(blank, 0, board.erase_size, SUPERBLOCKS)
    with step("file system", len(blocks)) as done:
        for offset, data in sorted(blocks.items()):
            live.write_block(part, offset // board.erase_size, data)
            done(1)
    session.restart_to_prompt()
    if not session.live.mounted():
        raise FlashError("the board does not mount the file system that was made for it: is its runtime the one of this board?")


def verify_board(session: Session, made: Application) -> list[str]:
    """Differences, a sentence each."""
    if not session.live.mounted():
        return ["the board has no file system"]
    return differences(session.live, made)


def restore_board(session: Session, found: Backup, place: Path, erase_journal: bool) -> str:
    """Files and journal of a backup onto this board; what happens next, in words."""
    live, board = session.live, session.board
    if found.about["board"] != board.name:
        raise FlashError(f"{found.folder} is a backup of a {found.about['board']}, this is a {board.name}: nothing was changed")
    if not live.mounted():
        raise FlashError("this board has no file system yet: flash it first, then restore")
    backups.take_backup(live, place)
    span = board.journal_span
    todo = _journal_todo(live, span, found.journal, erase_journal) if span is not None else {}
    live.write_file(RESTORED, b"1\n")  # first: from here on the board cuts nobody, whatever happens to us
    _write_files(live, found)
    if span is not None:
        _write_journal(live, span, todo)
    name = found.gateway
    return (
        f"gateway {name} is back with its books of {found.about['taken_at']}. It cuts nobody and issues nothing until the head-end has\n"
        f"compared them. If anything came since, the head-end sends its signed state, which begins a new epoch: by itself when the\n"
        f"gateway is only behind, after a fork by a person's word: python -m host_tools.head_end gateway give-state {name}"
    )


def _write_files(live: LiveBoard, found: Backup) -> None:
    wanted = {path: data for path, data in found.files.items() if path not in NOT_RESTORED and not path.startswith(("app/", "app."))}
    stored = live.files()
    with step("files", len(wanted)) as done:
        for path, data in sorted(wanted.items()):
            if path not in stored or stored[path].sha256 != found.about["files"][path]["sha256"]:
                live.write_file(path, data)
            done(1)
    for path in stored:
        if files_image.PROVISIONED.fullmatch(path) and path not in wanted:
            live.remove(path)  # another life's tariff beside these books would price by it


def _journal_todo(live: LiveBoard, span: Part, journal: bytes, erase_journal: bool) -> dict[int, bytes]:
    """{block: data} where the board differs from the backup; FlashError where that would overwrite books unasked."""
    size = live.board.erase_size
    with step("comparing the journal", span.size // size) as done:
        there = live.digests(span, done=done)
    todo = {}
    for number, digest in enumerate(there):
        data = journal[number * size : (number + 1) * size].ljust(size, b"\xff")
        wanted = block_digest(data) if data.strip(b"\xff") else ""
        if digest != wanted:
            todo[number] = data
    if any(there[number] for number in todo) and not erase_journal:
        raise FlashError(
            "this board has a journal of its own that the backup would overwrite: nothing was changed; restore onto another board, "
            "or type --erase-journal out in full (it is in the backup that was just taken)"
        )
    return todo


def _write_journal(live: LiveBoard, span: Part, todo: dict[int, bytes]) -> None:
    with step("journal", len(todo)) as done:
        for number, data in sorted(todo.items()):
            live.write_block(span, number, data)
            done(1)


def erase_board(session: Session, place: Path, erase_journal: bool) -> None:
    """Files and slots blank; the journal only when that was typed out."""
    live, board = session.live, session.board
    backups.take_backup(live, place)
    names = [name for name in ("slot_a", "slot_b", "files") if name in board.parts]
    for part in [board.parts[name] for name in names] + ([board.journal_span] if erase_journal and board.journal_span else []):
        there = live.digests(part)
        with step(f"erasing {part.name}", sum(map(bool, there))) as done:
            for number in reversed([number for number, digest in enumerate(there) if digest]):  # a slot's descriptor goes first
                live.write_block(part, number, b"\xff" * board.erase_size)
                done(1)
    say("erased; the journal was not touched" if not erase_journal else "erased, the journal too")
