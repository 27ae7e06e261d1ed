"""What `flash.py build` makes: readable by others, refused when wrong, the same bytes for the same commit."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from host_tools import uf2
from host_tools.flash import slot
from host_tools.flash.application import build_application, make_application
from host_tools.flash.board_folder import BOARDS, board_names, find_board
from host_tools.flash.build import build
from host_tools.flash.errors import FlashError
from host_tools.flash.files_image import board_of_main, build_littlefs, read_littlefs
from host_tools.flash.romfs import build_romfs, read_romfs
from host_tools.flash.version import commit_description
from host_tools.set_up import paths
from tests.host.flash.board_kit import LAYOUT, make_board

WHOLE = [name for name in board_names() if (BOARDS / name / "board.py").is_file()]
SETTINGS = {
    "gateway": "gw-001",
    "uplink": {"host": "127.0.0.1", "port": 1883, "keep_alive_s": 60},
    "line": {"baud": 2400},
    "poll_period_s": 900,
    "utc_offset_min": 480,
    "meters": [
        {
            "account": 1001, "address": "000000000001", "model": "export_1p", "password_level": 2, "password": "000000",
            "tariff": 1, "policy": 1, "protected": False, "care": False, "exempt": False,
        }
    ],
}  # fmt: skip
KEY = bytes(range(32)).hex() + "\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """One provisioned application, and its board."""
    root = tmp_path_factory.mktemp("board")
    (root / "settings.json").write_text(json.dumps(SETTINGS))
    (root / "key").write_text(KEY)
    board = make_board(root / "boards")
    return build(board, root / "out", root / "settings.json", root / "key", "abc123")


@pytest.mark.parametrize("name", WHOLE)
def test_every_board_builds(name, tmp_path):
    board = find_board(name)
    made = build(board, tmp_path, None, None, "abc123")
    said = json.loads((tmp_path / "manifest.json").read_text())
    assert said["board"] == name and said["commit"] == "abc123" and said["images"]
    for file, entry in said["images"].items():
        data = (tmp_path / file).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (entry["bytes"], entry["sha256"])
    assert {"firmware/main.mpy", f"board_configs/{name}/board.mpy", "umqtt/simple.mpy"} <= set(made.program)


def test_the_application_is_there_once_and_nothing_of_other_boards(built):
    names = set(built.program)
    assert "board_configs/test_board/wiring.mpy" in names and not any(name.startswith("board_configs/unix") for name in names)
    assert "firmware/hal/watchdog_none.mpy" in names and "firmware/hal/nor_file.mpy" not in names
    assert {f"firmware/meters/models/{path.name}" for path in (paths.checkout() / "firmware/meters/models").glob("*.json")} <= names
    assert not any(name.endswith(".py") for name in names)
    assert json.loads(built.program["build.json"]) == {"board": "test_board", "commit": "abc123", "firmware": built.firmware_version}


def test_the_romfs_image_holds_what_was_put_in(built):
    assert read_romfs(built.written["application.romfs"].read_bytes()) == built.program


MOUNT = """
import sys, vfs
with open(sys.argv[1], "rb") as file:
    image = file.read()
vfs.mount(vfs.VfsRom(image), "/rom")
sys.path[:] = ["/rom", ".frozen"]
import board_configs.test_board.board as board
import firmware.main, umqtt.simple
assert firmware.main.__file__ == "/rom/firmware/main.mpy", firmware.main.__file__
assert board.make()[0] == "test_board"
with open("/rom/build.json") as file:
    print(file.read())
"""


def on_micropython(program, *arguments):
    """Run a program of ours under MicroPython."""
    return subprocess.run(
        [str(paths.micropython()), "-X", "heapsize=4m", "-c", program, *map(str, arguments)],
        env={**os.environ, "MICROPYPATH": ".frozen"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_micropython_mounts_the_image_and_imports_the_firmware_from_it(built):
    ran = on_micropython(MOUNT, built.written["application.romfs"])
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout + ran.stderr
    assert json.loads(ran.stdout)["board"] == "test_board"


def test_every_mpy_is_of_the_version_the_runtime_reads(built):
    compiled = [data for name, data in built.program.items() if name.endswith(".mpy")]
    assert len(compiled) > 80 and all(data[:2] == b"M\x06" for data in compiled)


def test_a_torn_romfs_image_is_refused(built):
    with pytest.raises(FlashError, match="cut short"):
        read_romfs(built.romfs[:-1])
    with pytest.raises(FlashError, match="no ROMFS"):
        read_romfs(b"\xff" + built.romfs)


def test_romfs_order_and_empty_files_survive():
    files = {"b": b"", "a/c.mpy": b"x" * 200, "a/b/c": b"\x00\xff", "z": b"1"}
    assert read_romfs(build_romfs(files)) == files
    assert build_romfs(dict(reversed(files.items()))) == build_romfs(files)


def test_littlefs_reads_back_and_the_key_is_in_no_readable_file(built):
    image = built.written["files.littlefs"].read_bytes()
    files = read_littlefs(image, 4096)
    assert files == built.files and len(image) == built.board.parts["files"].size
    assert set(files) == {"boot.py", "main.py", "settings.json", "key"} and board_of_main(files["main.py"]) == "test_board"
    assert built.written["files.littlefs"].stat().st_mode & 0o777 == 0o600
    assert KEY.strip() not in built.written["manifest.json"].read_text()


def test_littlefs_repeats_and_says_when_it_is_full():
    files = {"b/x": b"1" * 5000, "a": b"2"}
    one, other = (build_littlefs(order, 65536, 4096, 32) for order in (files, dict(reversed(files.items()))))
    assert one == other
    with pytest.raises(FlashError, match="do not fit into the 65536 bytes"):
        build_littlefs({"a": bytes(70000)}, 65536, 4096, 32)
    with pytest.raises(FlashError, match="no littlefs"):
        read_littlefs(b"\xff" * 65536, 4096)


def test_the_slot_proves_its_image(built):
    data = built.written["slot.bin"].read_bytes()
    assert len(data) == built.board.parts["slot_a"].size and slot.image_of(data, 4096) == built.romfs
    assert slot.parse_descriptor(data[-4096:]) == slot.Descriptor(
        built.firmware_version, len(built.romfs), hashlib.sha256(built.romfs).digest()
    )
    for at in (0, len(built.romfs) - 1, len(data) - 4096, len(data) - 4096 + slot.DESCRIPTOR_BYTES - 1):
        bad = bytearray(data)
        bad[at] ^= 1
        assert slot.image_of(bytes(bad), 4096) is None, at
    assert slot.image_of(b"\xff" * len(data), 4096) is None


def test_an_application_that_does_not_fit_is_refused(tmp_path):
    small = (LAYOUT[0], ("slot_a", 0x40000, 0x10000), ("slot_b", 0x50000, 0x10000))
    with pytest.raises(FlashError, match="its slot holds"):
        make_application(make_board(tmp_path, layout=small), description="x")


def test_a_board_without_slots_has_the_application_as_files(tmp_path):
    board = make_board(tmp_path, layout=(("files", 0, 0x100000), ("journal", 0x100000, 0x10000)))
    made = build_application(board, tmp_path / "out", description="x")
    files = read_littlefs(made.littlefs, 4096)
    assert files["app/firmware/main.mpy"] == made.program["firmware/main.mpy"] and "slot.bin" not in made.written


def test_an_rp2_gets_one_file_for_its_boot_drive_without_the_journal(tmp_path):
    board = make_board(tmp_path, PLATFORM="rp2")
    made = build(board, tmp_path / "out", None, None, "x")
    whole = bytearray(b"\xee" * 0x200000)  # what an older life left behind
    for part in uf2.decode(made.written["install.uf2"].read_bytes()):
        at = part.address - uf2.FLASH_START
        whole[at : at + len(part.data)] = part.data
    span = board.journal_span
    assert whole[span.offset : span.end] == b"\xee" * span.size
    place = board.parts["slot_a"]
    image = bytes(whole[place.offset : place.end])
    assert image[: len(made.romfs)] == made.romfs and slot.parse_descriptor(image[-4096:]).length == len(made.romfs)
    files = board.parts["files"]
    assert read_littlefs(bytes(whole[files.offset : files.end]), 4096, 256) == made.files


def test_a_linux_board_gets_an_archive(tmp_path):
    (tmp_path / "key").write_text(KEY)
    made = build_application("unix", tmp_path, key=tmp_path / "key", description="x")
    with tarfile.open(made.written["application.tar"]) as archive:
        names = {entry.name: (entry.mode, entry.mtime) for entry in archive}
    assert names["firmware/main.mpy"] == (0o644, 0) and names["key"] == (0o600, 0)


def start(folder, *arguments, umask=0o022, **environment):
    """flash.py as a person starts it in a checkout."""
    return subprocess.run(
        [sys.executable, "flash.py", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        umask=umask,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def copied_checkout(folder: Path, made_at_s: int) -> Path:
    """Another checkout of the same files, with other times, written in another order."""
    source = paths.checkout()
    for top in ("host_tools", "firmware", "board_configs"):
        shutil.copytree(source / top, folder / top, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(source / "flash.py", folder)
    (folder / ".venv").symlink_to((source / ".venv").resolve())
    for path in folder.rglob("*.*"):
        if not path.is_symlink():
            os.utime(path, (made_at_s, made_at_s), follow_symlinks=False)
    return folder


@pytest.mark.slow
def test_one_commit_gives_the_same_bytes_anywhere(tmp_path):
    make_board(tmp_path / "boards", PLATFORM="rp2")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "settings.json").write_text(json.dumps(SETTINGS))
    (tmp_path / "site" / "key").write_text(KEY)
    circumstances = (
        ("a", 1_000_000_000, 0o022, {"TZ": "UTC", "LC_ALL": "C", "PYTHONHASHSEED": "1"}),
        ("b/much deeper/c", 1_700_000_000, 0o077, {"TZ": "Asia/Shanghai", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "77"}),
    )
    results = []
    for name, made_at_s, umask, environment in circumstances:
        (tmp_path / name).mkdir(parents=True)
        checkout = copied_checkout(tmp_path / name, made_at_s)
        shutil.copytree(tmp_path / "boards" / "test_board", checkout / "board_configs" / "test_board")
        for board in ("test_board", "unix"):
            options = ("--settings", tmp_path / "site", "--out", "made here", "--commit", "v1")
            done = start(checkout, "build", board, *options, umask=umask, **environment)
            assert done.returncode == 0, done.stderr
            results.append({path.name: path.read_bytes() for path in (checkout / "made here").iterdir()})
    assert {"install.uf2", "slot.bin", "files.littlefs", "manifest.json"} <= set(results[0])
    assert results[0] == results[2] and results[1] == results[3]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("build", "qemu_mps"), "did you mean qemu_mps2?"),
        (("build", "../firmware"), "there is no board"),
        (("build", "unix", "--settings", "nowhere.json"), "nowhere.json cannot be read: No such file or directory"),
        (("build", "unix", "--settings", "bad.json"), "meters[0].address"),
        (("build", "unix", "--settings", "empty"), "holds no settings.json"),
        (("build", "unix", "--key", "bad.json"), "the key must be 64 hex digits or 32 bytes"),
        (("build", "unix", "--out", "bad.json"), "give another folder with --out"),
    ],
)
def test_wrong_use_is_one_sentence_and_changes_nothing(arguments, said, tmp_path):
    bad = json.loads(json.dumps(SETTINGS))
    bad["meters"][0]["address"] = "12"
    (tmp_path / "bad.json").write_text(json.dumps(bad))
    (tmp_path / "empty").mkdir()
    arguments = tuple(str(tmp_path / word) if word in ("bad.json", "nowhere.json", "empty") else word for word in arguments)
    done = start(paths.checkout(), *arguments, *([] if "--out" in arguments else ["--out", str(tmp_path / "out")]))
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1 and done.stderr.startswith("flash.py: ")
    assert "Traceback" not in done.stderr and not (tmp_path / "out").exists()


def test_a_build_is_named_by_its_commit_and_marked_when_files_differ_or_are_new(tmp_path):
    assert commit_description(tmp_path) == "unknown"

    def git(*words):
        name = ("-c", "user.name=Tester", "-c", "user.email=tester@example.invalid")
        return subprocess.run(["git", *name, *words], cwd=tmp_path, check=True, capture_output=True, text=True, timeout=30).stdout.strip()

    git("init", "-q")
    (tmp_path / "firmware").mkdir()
    (tmp_path / "firmware" / "main.py").write_text("1")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    commit = git("rev-parse", "--short=12", "HEAD")
    assert commit_description(tmp_path) == commit
    (tmp_path / "firmware" / "new.py").write_text("2")
    assert commit_description(tmp_path) == commit + "-dirty"
    (tmp_path / "firmware" / "new.py").unlink()
    (tmp_path / "firmware" / "main.py").write_text("3")
    assert commit_description(tmp_path) == commit + "-dirty"


def test_an_option_is_never_guessed_from_its_beginning():
    assert start(paths.checkout(), "build", "unix", "--set", "x").returncode == 2


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"NAME": "other"}, "calls itself 'other'"),
        ({"PLATFORM": "z80"}, "PLATFORM must be one of"),
        ({"ERASE_SIZE": "4096"}, "must say ERASE_SIZE as int"),
        ({"FLASH": (("files", 0, 4096), ("journal", 0, 4096))}, "files and journal overlap at 0x0"),
        ({"FLASH": (("files", 1, 4096),)}, "must begin and end on erase blocks"),
        ({"FLASH": (("disk", 0, 4096),)}, "names 'disk'"),
        ({"FLASH": (("files", 0),)}, "each row of FLASH is"),
        ({"FLASH": (("slot_a", 0, 4096),)}, "slot_a and slot_b must both be there"),
        ({"FLASH": (("slot_a", 0, 4096), ("slot_b", 4096, 8192))}, "of one size"),
    ],
)
def test_a_wiring_that_could_harm_the_journal_is_refused(changed, said, tmp_path):
    with pytest.raises(FlashError) as fault:
        make_board(tmp_path, **changed)
    assert said in str(fault.value)


def test_a_wiring_that_does_not_load_is_named(tmp_path):
    make_board(tmp_path)
    (tmp_path / "test_board" / "wiring.py").write_text("NAME = \n")
    with pytest.raises(FlashError, match="test_board/wiring.py does not load: SyntaxError"):
        find_board("test_board", tmp_path)
    (tmp_path / "test_board" / "wiring.py").unlink()
    with pytest.raises(FlashError, match="there is no board"):
        find_board("test_board", tmp_path)


def test_a_file_that_does_not_compile_is_named(tmp_path):
    board = make_board(tmp_path)
    (board.folder / "board.py").write_text("import firmware.main\nmatch x:\n    case 1: pass\n")
    with pytest.raises(FlashError, match="board_configs/test_board/board.py does not compile"):
        make_application(board, description="x")
