"""An ESP32 flashed through a simulated boot loader on a pty, and what esptool itself says of our images.

No real MicroPython image for an ESP32 can be had here: `runtime_image` makes one that has the parts, headers, checksums and
hashes of a real one, and no program. esptool reads it as it reads a real one (image-info, merge-bin).
"""

import hashlib
import struct
import subprocess
import sys

import pytest

from host_tools.flash import partition_table
from host_tools.flash.application import make_application
from host_tools.flash.backup import read_backup
from host_tools.flash.board_folder import board_names, find_board
from host_tools.flash.errors import FlashError
from host_tools.flash.esp32 import Loader, Segment, chip_of, split_runtime
from host_tools.flash.runtimes import put_esp32
from host_tools.set_up import paths
from tests.host.flash import rom_loader
from tests.host.flash.board_kit import make_board
from tests.host.flash.rom_loader import RomLoader

MIB = 1 << 20


def esp_image(payload: bytes, chip_id: int = 0) -> bytes:
    """One segment in the format of the ESP-IDF guide, "App Image Format": headers, checksum, SHA-256."""
    payload = payload.ljust(-(-len(payload) // 4) * 4, b"\0")
    head = struct.pack("<BBBBI", 0xE9, 1, 2, 0x20, 0x40080000)
    head += struct.pack("<B3sHBHHIB", 0xEE, bytes(3), chip_id, 0, 0, 0xFFFF, 0, 1)
    image = head + struct.pack("<II", 0x40080000, len(payload)) + payload
    checksum = 0xEF
    for byte in payload:
        checksum ^= byte
    image += bytes(-(len(image) + 1) % 16) + bytes([checksum])
    return image + hashlib.sha256(image).digest()


def runtime_image(size: int = 90_000, chip_id: int = 0, begin: int = 0x1000) -> bytes:
    """What micropython.org's .bin is: from the boot loader's place to the end of the application, gaps blank."""
    whole = bytearray(b"\xff" * (0x10000 - begin))
    loader = esp_image(b"boot loader" * 300, chip_id)
    whole[: len(loader)] = loader
    stock = partition_table.pack_rows([partition_table.Row("factory", 0, 0, 0x10000, 0x1F0000)])
    whole[0x8000 - begin : 0x8000 - begin + len(stock)] = stock
    program = hashlib.shake_256(b"a program").digest(size)
    return bytes(whole) + esp_image(program, chip_id)


LAYOUT = (
    ("runtime", 0x10000, 0x1F0000),
    ("files", 0x200000, 0x20000),
    ("journal", 0x3E0000, 0x10000),
    ("readings", 0x3F0000, 0x10000),
)  # small parts, because a simulated line costs time; the application is of no interest here


def esp32_board(place, chip="ESP32"):
    return make_board(place, layout=LAYOUT, PLATFORM="esp32", APPLICATION="frozen", about=f'[board]\nmcu = "{chip}"\n')


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    return esp32_board(tmp_path_factory.mktemp("boards"))


@pytest.fixture(scope="module")
def made(board):
    return make_application(board, description="v1")


@pytest.fixture
def chip():
    loader = RomLoader()
    yield loader
    loader.close()


def put(board, chip, made, place, image=None, **named):
    segments = split_runtime(image or runtime_image(), board)
    put_esp32(board, chip.path, segments, made, place, named.pop("kept", False), named.pop("erase_journal", False), **named)


def esptool(*words):
    """esptool's own command."""
    command = [sys.executable, "-m", "esptool", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL)


def test_esptool_reads_the_parts_of_a_runtime_and_merges_them_with_our_table(board, tmp_path):
    segments = split_runtime(runtime_image(), board)
    assert [(one.what, hex(one.offset)) for one in segments] == [
        ("boot loader", "0x1000"), ("partition table", "0x8000"), ("runtime", "0x10000"),
    ]  # fmt: skip
    words = []
    for one in segments:
        (tmp_path / f"{one.offset:x}.bin").write_bytes(one.data)
        words += [hex(one.offset), tmp_path / f"{one.offset:x}.bin"]
    for name in ("1000.bin", "10000.bin"):
        said = esptool("--chip", "esp32", "image-info", tmp_path / name)
        assert said.returncode == 0 and "(valid)" in said.stdout and "invalid" not in said.stdout, said.stdout
    merged = esptool("--chip", "esp32", "merge-bin", "--output", tmp_path / "whole.bin", *words)
    assert merged.returncode == 0, merged.stdout
    whole = (tmp_path / "whole.bin").read_bytes()
    assert partition_table.parse_table(whole[0x8000:]) == partition_table.rows_of(board)
    assert whole[0x10000:].rstrip(b"\xff") == segments[2].data


@pytest.mark.parametrize("stub", [True, False], ids=["stub", "rom"])
def test_a_new_chip_gets_loader_table_runtime_and_files(board, made, tmp_path, stub):
    chip = RomLoader(stub=stub)
    try:
        put(board, chip, made, tmp_path)
        for one in split_runtime(runtime_image(), board):
            assert chip.flash[one.offset : one.offset + len(one.data)] == one.data, one.what
        files = board.parts["files"]
        assert chip.flash[files.offset : files.end] == made.littlefs
        assert chip.is_stub is stub
    finally:
        chip.close()


def test_a_known_chip_is_backed_up_and_gets_only_what_differs(board, made, chip, tmp_path, capsys):
    put(board, chip, made, tmp_path)
    span = board.journal_span
    books = b"LJ01 books" + bytes(90)
    chip.flash[span.offset : span.offset + len(books)] = books
    chip.erased.clear()
    put(board, chip, made, tmp_path / "backups")
    assert chip.erased == [] and "nothing written to the known chip" in capsys.readouterr().err
    put(board, chip, made, tmp_path / "backups", image=runtime_image(80_000), kept=True)
    assert {begin for begin, _ in chip.erased} == {0x10000}, "neither files nor table nor journal"
    assert chip.flash[span.offset : span.offset + len(books)] == books
    (folder,) = (tmp_path / "backups").iterdir()
    kept = read_backup(folder)
    assert kept.journal.startswith(books) and len(kept.journal) == 4096 and kept.files == made.files


def test_a_journal_is_never_erased_unasked(board, made, chip, tmp_path):
    span = board.journal_span
    chip.flash[span.end - 1] = 0x7F  # a stock MicroPython had its files there
    before = bytes(chip.flash)
    with pytest.raises(FlashError, match="holds something where the journal is to be: nothing was changed; type --erase-journal"):
        put(board, chip, made, tmp_path)
    assert chip.flash == before
    put(board, chip, made, tmp_path, erase_journal=True)
    assert chip.flash[span.offset : span.end] == b"\xff" * span.size


def test_a_table_with_the_journal_elsewhere_is_kept(board, made, chip, tmp_path):
    rows = [partition_table.Row("factory", 0, 0, 0x10000, 0x100000), partition_table.Row("journal", 1, 6, 0x110000, 0x10000)]
    chip.flash[0x8000:0x8C00] = partition_table.encode_table(rows)
    before = bytes(chip.flash)
    with pytest.raises(FlashError, match="has its journal elsewhere"):
        put(board, chip, made, tmp_path)
    assert chip.flash == before


def test_no_write_reaches_into_the_journal(board, chip):
    with Loader(board, chip.path) as loader:
        before = bytes(chip.flash)
        with pytest.raises(FlashError, match="would reach into the journal"):
            loader.write([Segment("files", 0x3DF000, bytes(4097))])
        assert chip.flash == before


@pytest.mark.parametrize("other", ["ESP32-S3", "ESP32-S2"])
def test_another_chip_is_named_and_left_alone(board, made, tmp_path, other):
    chip = RomLoader(other)
    try:
        before = bytes(chip.flash)
        with pytest.raises(FlashError, match=f"is an {other}, test_board has an ESP32: nothing was changed"):
            put(board, chip, made, tmp_path)
        assert chip.flash == before and rom_loader.FLASH_BEGIN not in chip.commands
    finally:
        chip.close()


def test_a_smaller_flash_is_named(board, made, tmp_path):
    chip = RomLoader(size_bits=21)
    try:
        with pytest.raises(FlashError, match="has 2MB, test_board needs 4MB: nothing was changed"):
            put(board, chip, made, tmp_path)
    finally:
        chip.close()


@pytest.mark.slow
@pytest.mark.parametrize(("stub", "block"), [(True, 1), (False, 3)], ids=["stub", "rom"])
def test_a_cable_pulled_in_the_middle_is_one_sentence_and_the_next_try_ends_it(board, made, tmp_path, stub, block):
    chip, after = RomLoader(stub=stub), RomLoader(stub=stub)
    try:
        chip.pull_at_block = block
        with pytest.raises(FlashError) as fault:
            put(board, chip, made, tmp_path)
        assert "give the same command" in str(fault.value) and "\n" not in str(fault.value)
        after.flash[:] = chip.flash
        put(board, after, made, tmp_path)
        assert after.flash[0x8000:0x8C00] == partition_table.encode_table(partition_table.rows_of(board))
    finally:
        chip.close()
        after.close()


def test_a_noisy_block_is_sent_again(board, made, chip, tmp_path):
    chip.noisy_blocks = 1
    put(board, chip, made, tmp_path)
    assert chip.flash[0x10000:].startswith(split_runtime(runtime_image(), board)[2].data)


def test_flash_that_does_not_hold_what_was_written_is_found_by_hash(board, made, chip, tmp_path):
    chip.weak_cell = True
    with pytest.raises(FlashError, match="could not write the boot loader|reads back other"):
        put(board, chip, made, tmp_path)


def test_nothing_that_speaks_is_one_sentence_with_what_to_do(board, tmp_path):
    chip = RomLoader()
    chip.close()
    with pytest.raises(FlashError, match="there is no port"):
        Loader(board, chip.path)
    (tmp_path / "file").write_text("")
    with pytest.raises(FlashError, match="is not a serial port"):
        Loader(board, str(tmp_path / "file"))


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (b"", "not a whole one"),
        (runtime_image()[0x7000:], "not a whole one"),
        (runtime_image(chip_id=9), "for another chip than ESP32"),
        (runtime_image(2 * MIB), "its partition 2031616"),
        (b"\xff" * 0x20000, "not a whole one"),
    ],
)
def test_an_image_that_cannot_be_right_is_refused_before_the_port_is_opened(image, said, board):
    with pytest.raises(FlashError) as fault:
        split_runtime(image, board)
    assert said in str(fault.value)


@pytest.mark.parametrize("name", [name for name in board_names() if find_board(name).platform == "esp32"])
def test_every_esp32_board_names_a_chip_that_esptool_knows(name):
    assert chip_of(find_board(name)) in ("ESP32", "ESP32-S3")


@pytest.mark.slow
def test_a_runtime_that_does_not_answer_afterwards_is_named(chip, tmp_path):
    (tmp_path / "runtime.bin").write_bytes(runtime_image())
    words = ["flash", "esp32_poe_iso", "--port", chip.path, "--runtime", tmp_path / "runtime.bin", "--backups", tmp_path / "backups"]
    command = [sys.executable, "flash.py", *map(str, words)]
    asked = subprocess.run(
        command, cwd=paths.checkout(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120
    )
    assert asked.returncode == 2 and "into its boot loader? Give --yes if so; nothing was changed" in asked.stderr, asked.stderr
    assert rom_loader.SYNC not in chip.commands
    done = subprocess.run(
        [*command, "--yes"], cwd=paths.checkout(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 2 and "written to the new chip, all verified" in done.stderr, done.stderr
    assert "the runtime is on the chip and verified, but does not answer on" in done.stderr.splitlines()[-1]


def test_an_s3_has_its_boot_loader_at_the_beginning(tmp_path):
    board = esp32_board(tmp_path, "ESP32-S3")
    segments = split_runtime(runtime_image(chip_id=9, begin=0), board)
    assert [one.offset for one in segments] == [0, 0x8000, 0x10000]
    chip = RomLoader("ESP32-S3")
    try:
        put_esp32(board, chip.path, segments, make_application(board, description="v1"), tmp_path, False, False)
        assert chip.flash[:10] == segments[0].data[:10]
    finally:
        chip.close()
