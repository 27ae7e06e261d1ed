"""What each command of flash.py does, with words for the terminal."""

import argparse
import sys
import time
from pathlib import Path

from host_tools.flash import backup as backups
from host_tools.flash import files_image, flashing, runtimes
from host_tools.flash.application import make_application
from host_tools.flash.board_folder import Board, board_names, find_board
from host_tools.flash.build import build
from host_tools.flash.errors import FlashError
from host_tools.flash.progress import say, step
from host_tools.flash.session import FindKey, Session, SilentBoard
from host_tools.set_up import paths

DIFFERS = 1
FIRST_START_S = 5


def list_boards(_: argparse.Namespace) -> int:
    """A line for each board; one that is broken is named with its fault."""
    rows = [("board", "platform", "flashed by", "has run", "what it is")]
    for name in board_names():
        try:
            board = find_board(name)
        except FlashError as fault:
            rows.append((name, "?", "?", "?", str(fault)))
            continue
        rows.append((name, board.platform, told(board, "flash", "method"), told(board, "proven", "run"), board.title))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        print("  ".join([*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[4]]))
    return 0


def told(board: Board, table: str, name: str) -> str:
    """A word of about.toml, "-" when it is not there."""
    inside = board.about.get(table)
    return str(inside.get(name) or "-") if isinstance(inside, dict) else "-"


def usual_out(board: Board) -> Path:
    """Where images go unless a folder is given."""
    return paths.checkout() / "build" / "boards" / board.name


def build_board(given: argparse.Namespace) -> int:
    """`build`: the images, and one line for each."""
    board = find_board(given.board)
    out = given.out or usual_out(board)
    made = build(board, out, given.settings, given.key, given.commit)
    print(f"{board.name} at {made.description}: {len(made.program)} files of the application, {len(made.romfs)} bytes as ROMFS")
    for name, path in made.written.items():
        print(f"  {path.stat().st_size:9d}  {name}")
    print(f"in {out}")
    return 0


def flash_board(given: argparse.Namespace) -> int:
    """`flash`: runtime when one is given, then the application."""
    board = _with_flash(given.board)
    made = make_application(board, given.settings, given.key, given.commit)
    if given.runtime is not None:
        if runtimes.put_runtime(board, given, made, _find_key(given), agreed_by(given)):
            return 0
        _wait_for_prompt()
    elif runtimes.is_drive(given.port):
        raise FlashError(f"{given.port} is a boot drive, which takes a runtime only: give one with --runtime, or the serial port")
    try:
        with _session(board, given) as session:
            sent = flashing.flash_board(session, made, _place(given), agreed_by(given))
            said = session.restart()
    except SilentBoard as silence:
        if given.runtime is None:
            raise
        why = f"the runtime is on the chip and verified, but does not answer on {given.port}"
        hint = "is it the image that about.toml names? Then reset the board and give the command without --runtime"
        raise FlashError(f"{why}: {hint}") from silence
    if sent.nothing:
        say("nothing had to be sent: the board holds this application already")
    else:
        say(f"sent {sent.blocks} blocks" + (f" into slot {sent.slot}" if sent.slot else "") + f" and {len(sent.files)} files, all verified")
    say(f"{board.name} at {made.description}: " + ("it is at work" if said else _why_idle(made.files, session)))
    return 0


def _why_idle(files: dict[str, bytes], session: Session) -> str:
    if "settings.json" not in files and not session.ran:
        return "the application is there; it starts when settings and key are (give them with --settings and --key)"
    return "the application is there but has not begun: look at what it says with `python -m host_tools.board logs`"


def verify_board(given: argparse.Namespace) -> int:
    """`verify`: exit 1 and a line for each difference."""
    board = _with_flash(given.board)
    made = make_application(board, given.settings, None, given.commit)
    with _session(board, given) as session:
        wrong = flashing.verify_board(session, made)
        session.restart()
    for sentence in wrong:
        print(sentence)
    print(f"{board.name} at {made.description}: " + (f"{len(wrong)} differences" if wrong else "the board holds exactly this"))
    return DIFFERS if wrong else 0


def backup_board(given: argparse.Namespace) -> int:
    """`backup`: the folder on standard output."""
    with _session(_with_flash(given.board), given) as session:
        folder = backups.take_backup(session.live, _place(given))
        session.restart()
    if folder is None:
        raise FlashError("there is nothing to back up: the board holds neither files nor a journal")
    print(folder)
    return 0


def restore_board(given: argparse.Namespace) -> int:
    """`restore`: says what becomes of the journal."""
    board = _with_flash(given.board)
    found = backups.read_backup(given.source)
    if not agreed_by(given)(f"put gateway {found.gateway} with its books of {found.about['taken_at']} onto the board on {given.port}?"):
        raise FlashError("nothing was changed")
    if given.key is None and "key" in found.files:
        given.key = found.folder / "files" / "key"
    with _session(board, given) as session:
        sentence = flashing.restore_board(session, found, _place(given), given.erase_journal)
        session.restart()
    print(sentence)
    return 0


def erase_board(given: argparse.Namespace) -> int:
    """`erase`: application, settings and key; the journal only by its own option."""
    what = "application, settings, key AND JOURNAL" if given.erase_journal else "application, settings and key"
    if not agreed_by(given)(f"erase {what} of the board on {given.port}?"):
        raise FlashError("nothing was changed")
    with _session(_with_flash(given.board), given) as session:
        flashing.erase_board(session, _place(given), given.erase_journal)
        session.live.reset()
    return 0


def _with_flash(name: str) -> Board:
    board = find_board(name)
    if board.platform == "linux":
        how = f"unpack application.tar of `flash.py build {name}` there"
        raise FlashError(f"{name} is a Linux machine, it has no flash of ours: {how}, or run the firmware from a checkout")
    return board


def _place(given: argparse.Namespace) -> Path:
    return given.backups or backups.usual_place()


def _session(board: Board, given: argparse.Namespace) -> Session:
    return Session(board, given.port, _find_key(given), given.hold)


def _find_key(given: argparse.Namespace) -> FindKey:
    def find_key(gateway: str) -> bytes | None:
        if given.key is not None:
            return files_image.read_file(given.key)
        return backups.newest_key(_place(given), gateway)

    return find_key


def _wait_for_prompt() -> None:
    """A new runtime makes its file system at its first start."""
    with step("first start", 1):
        time.sleep(FIRST_START_S)


def agreed_by(given: argparse.Namespace) -> flashing.Asked:
    """A question to the person at the terminal; --yes answers it, no terminal means no."""

    def agreed(question: str) -> bool:
        if given.yes:
            return True
        if not sys.stdin.isatty():
            raise FlashError(f"{question[:1].upper()}{question[1:]} Give --yes if so; nothing was changed")
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")

    return agreed
