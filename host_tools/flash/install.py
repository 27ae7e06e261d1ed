"""An application put on a live board: the slot that is not in use, the files, and last the word which slot counts.

Only what differs is sent. Whatever happens in between, the application that ran before is whole until the file `slot` is
renamed into place, which is one step; the journal's flash is not opened here at all.

Trap avoided: the descriptor of a slot is erased before its first block changes and written after its image was proved, so
boot.py never sees a half-written slot as whole.
"""

import hashlib
from dataclasses import dataclass, field

from host_tools.flash import slot
from host_tools.flash.application import Application
from host_tools.flash.board_folder import Part
from host_tools.flash.errors import FlashError
from host_tools.flash.live_board import NEW, LiveBoard, StoredFile, block_digest
from host_tools.flash.progress import step

CHOICE = "slot"
APP, APP_NEW, APP_OLD = "app", "app.new", "app.old"
LAST_FILES = ("boot.py", "main.py")
BLANK_DIGEST = ""


@dataclass
class Sent:
    """What an installation changed."""

    blocks: int = 0
    files: list[str] = field(default_factory=list)
    slot: str = ""

    @property
    def nothing(self) -> bool:
        return not self.blocks and not self.files


def install(live: LiveBoard, made: Application, sent: Sent) -> None:
    """Bring the board to what was built. It must have a file system."""
    stored = live.files()
    for path in stored:
        if path.endswith(NEW):
            live.remove(path)  # left by an installation that was interrupted
    chosen = put_slot(live, made, sent) if made.board.has_slots else ""
    if not made.board.has_slots and not made.board.is_frozen:
        _put_app(live, made, sent)
    changed = [path for path, data in sorted(made.files.items()) if not path.startswith(APP + "/") and differs(stored, path, data)]
    changed.sort(key=lambda path: path in LAST_FILES)
    with step("files", len(changed)) as done:
        for path in changed:
            live.write_file(path, made.files[path])
            sent.files.append(path)
            done(1)
    if chosen and (chosen != slot_in_use(live) or CHOICE not in stored):
        live.write_file(CHOICE, chosen.encode())
        sent.files.append(CHOICE)


def differs(stored: dict[str, StoredFile], path: str, data: bytes) -> bool:
    """Is the file on the board another, or not there?"""
    return path not in stored or stored[path].sha256 != hashlib.sha256(data).hexdigest()


def slot_in_use(live: LiveBoard) -> str:
    """What the file `slot` says; "a" without one, as boot.py takes it."""
    said = live.read_file(CHOICE).strip() if CHOICE in live.files() else b"a"
    return "b" if said == b"b" else "a"


def holds(live: LiveBoard, part: Part) -> slot.Descriptor | None:
    """The descriptor of the whole application in a slot; None when there is none or it is not whole."""
    said = slot.parse_descriptor(live.read_block(part, part.size // live.board.erase_size - 1))
    if said is None or said.length > part.size - live.board.erase_size:
        return None
    return said if live.sha256(part, said.length) == said.sha256.hex() else None


def put_slot(live: LiveBoard, made: Application, sent: Sent) -> str:
    """The slot that holds the application afterwards: the one in use when it does already, else the other one."""
    ours = slot.parse_descriptor(slot.descriptor_of(made.romfs, made.firmware_version))
    in_use = slot_in_use(live)
    other = "a" if in_use == "b" else "b"
    whole = {name: holds(live, made.board.parts["slot_" + name]) for name in (in_use, other)}
    for name in (in_use, other):
        if whole[name] == ours:
            return name
    target = other if whole[in_use] is not None else in_use
    write_slot(live, made, made.board.parts["slot_" + target], sent)
    return target


def write_slot(live: LiveBoard, made: Application, part: Part, sent: Sent) -> None:
    """Image and descriptor, the descriptor last."""
    size = made.board.erase_size
    last = part.size // size - 1
    blocks = {number: made.slot[number * size : (number + 1) * size] for number in range(-(-len(made.romfs) // size))}
    there = live.digests(part, len(blocks))
    todo = [number for number, data in blocks.items() if there[number] != block_digest(data)]
    with step(f"application into {part.name}", len(todo) + 1) as done:
        live.write_block(part, last, b"\xff" * size)
        for number in todo:
            live.write_block(part, number, blocks[number])
            sent.blocks += 1
            done(1)
        if live.sha256(part, len(made.romfs)) != hashlib.sha256(made.romfs).hexdigest():
            raise FlashError(f"{part.name} does not hold what was sent; the board runs what it ran before: give the same command again")
        live.write_block(part, last, made.slot[-size:])
        sent.blocks += 1
        sent.slot = part.name[-1]
        done(1)


def _put_app(live: LiveBoard, made: Application, sent: Sent) -> None:
    """The application as files: a new tree beside the old one, unchanged files copied on the board, then one rename each."""
    wanted = {path.removeprefix(APP + "/"): data for path, data in made.files.items() if path.startswith(APP + "/")}
    stored = live.files()
    if not any(path.startswith(APP + "/") for path in stored) and any(path.startswith(APP_OLD + "/") for path in stored):
        live.rename(APP_OLD, APP)  # the power was cut between the two renames
        stored = live.files()
    same = {path for path, data in wanted.items() if not differs(stored, f"{APP}/{path}", data)}
    if len(same) == len(wanted) == sum(path.startswith(APP + "/") for path in stored):
        live.remove(APP_NEW)
        live.remove(APP_OLD)
        return
    _drop_what_is_not(live, stored, wanted)
    with step("application", len(wanted)) as done:
        for path, data in sorted(wanted.items()):
            if differs(stored, f"{APP_NEW}/{path}", data):
                if path in same:
                    live.copy(f"{APP}/{path}", f"{APP_NEW}/{path}")
                else:
                    live.write_file(f"{APP_NEW}/{path}", data)
                    sent.files.append(f"{APP}/{path}")
            done(1)
    _check_tree(live, wanted)
    live.remove(APP_OLD)
    live.swap(APP, APP_OLD, APP_NEW)
    live.remove(APP_OLD)
    sent.files.append(APP)


def _drop_what_is_not(live: LiveBoard, stored: dict[str, StoredFile], wanted: dict[str, bytes]) -> None:
    """Leftovers of an older installation that was interrupted."""
    for path in stored:
        if path.startswith(APP_NEW + "/") and path.removeprefix(APP_NEW + "/") not in wanted:
            live.remove(path)


def _check_tree(live: LiveBoard, wanted: dict[str, bytes]) -> None:
    stored = live.files()
    bad = [path for path, data in wanted.items() if differs(stored, f"{APP_NEW}/{path}", data)]
    if bad:
        raise FlashError(f"{bad[0]} does not read back as it was sent; the board runs what it ran before: give the same command again")


def differences(live: LiveBoard, made: Application) -> list[str]:
    """What on the board is not as built, a sentence each; nothing is changed."""
    found = []
    stored = live.files()
    if made.board.has_slots:
        ours = slot.parse_descriptor(slot.descriptor_of(made.romfs, made.firmware_version))
        in_use = slot_in_use(live)
        there = holds(live, made.board.parts["slot_" + in_use])
        if there is None:
            found.append(f"slot_{in_use}, which is in use, holds no whole application")
        elif there != ours:
            found.append(f"slot_{in_use}, which is in use, holds another application (version {there.version:#x}, {there.length} bytes)")
    for path, data in sorted(made.files.items()):
        if differs(stored, path, data):
            found.append(f"{path} is missing" if path not in stored else f"{path} differs")
    wanted = {path for path in made.files if path.startswith(APP + "/")}
    found += [f"{path} is too many" for path in stored if path.startswith(APP + "/") and path not in wanted]
    return found
