"""flash.py and the emulated board over a real pty: installed, verified, only what changed is sent, whatever comes in between."""

import re
import subprocess
import time

import pytest

from host_tools.flash import slot
from host_tools.flash.backup import read_backup
from host_tools.journal_reader import read_region
from tests.host.flash.bench_board import KEY, Bench, Cable, build, copied_checkout

pytestmark = pytest.mark.slow
V0, V1, V2 = "version-zero", "version-one!", "version-two!"  # of one length
WRONG_TRIES = 6  # each doubles the pause after it, at first 2 s, which a busy host needs to begin the next


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return copied_checkout(tmp_path_factory.mktemp("checkout"))


@pytest.fixture(scope="module")
def builds(checkout):
    return {commit: build(checkout, commit) for commit in (V0, V1, V2)}


@pytest.fixture
def bench(tmp_path, checkout):
    made = Bench(tmp_path, checkout)
    yield made
    made.close()


@pytest.fixture
def at_work(bench, builds):
    """A board that runs V1 from slot a and has V0 in slot b."""
    bench.prepare(builds[V1], builds[V0])
    bench.start()
    assert b'{"boot"' in bench.said(b'{"boot"')
    return bench


def sent(done) -> tuple[int, int]:
    """(blocks, files) that flash.py says it sent."""
    if "nothing had to be sent" in done.stderr:
        return 0, 0
    found = re.search(r"sent (\d+) blocks.* (\d+) files, all verified", done.stderr)
    assert found, done.stderr
    return int(found[1]), int(found[2])


def slot_content(bench, name):
    return slot.image_of(bench.flash.read("slot_" + name), 4096)


def test_a_blank_board_gets_everything_and_begins_to_work(bench):
    bench.start()
    done = bench.run("flash", "--commit", V1)
    assert done.returncode == 0 and "it is at work" in done.stderr, done.stderr
    files = bench.files()
    assert {"boot.py", "main.py", "settings.json", "key", "slot"} <= set(files) and files["key"].decode() == KEY
    assert slot_content(bench, "a") is not None and files["slot"] == b"a"
    assert bench.backups() == [], "there was nothing to keep"
    again = bench.run("flash", "--commit", V1)
    assert again.returncode == 0 and sent(again) == (0, 0), again.stderr


def test_only_what_changed_is_sent_into_the_slot_that_is_not_in_use(at_work, builds):
    journal = at_work.flash.read("journal")
    done = at_work.run("flash", "--commit", V2)
    assert done.returncode == 0, done.stderr
    blocks, files = sent(done)
    assert blocks <= 3, "build.json and the descriptor differ, nothing else"
    assert files == 1, "slot"
    assert slot_content(at_work, "b") == builds[V2].romfs and at_work.files()["slot"] == b"b"
    assert slot_content(at_work, "a") == builds[V1].romfs, "what ran before is whole"
    used = journal.rstrip(b"\xff")
    assert at_work.flash.read("journal")[: len(used)] == used, "books only grow"
    (folder,) = at_work.backups()
    kept = read_backup(folder)
    assert kept.gateway == "gw-001" and kept.files["key"].decode() == KEY and kept.journal.startswith(used)
    assert (folder.stat().st_mode | (folder / "journal.bin").stat().st_mode) & 0o77 == 0


def test_verify_names_each_difference_and_ends_with_1(at_work):
    done = at_work.run("verify", "--commit", V2, site=False)
    assert done.returncode == 1 and "slot_a, which is in use, holds another application" in done.stdout
    done = at_work.run("verify", "--commit", V1, site=False)
    assert (done.returncode, done.stdout) == (0, f"qemu_mps2 at {V1}: the board holds exactly this\n")


@pytest.fixture
def cabled(bench, builds):
    """A board that runs V1, with nothing in slot b: all of V2 has to come over this cable."""
    bench.prepare(builds[V1])
    bench.start()
    assert b'{"boot"' in bench.said(b'{"boot"')
    cable = Cable(bench.port)
    yield cable
    cable.pull()


def works_as_before(bench, builds):
    bench.machine.cut_power()
    assert slot_content(bench, "a") == builds[V1].romfs and "slot" not in bench.files()
    bench.start()
    assert b'{"boot"' in bench.said(b'{"boot"'), "the board works as before"


@pytest.mark.parametrize("after_bytes", [300, 40_000])
def test_a_pulled_cable_is_one_sentence_and_harms_nothing(bench, cabled, builds, after_bytes):
    cabled.pull_after = after_bytes
    done = bench.run("flash", "--commit", V2, port=cabled.path)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert done.stderr.splitlines()[-1].startswith("flash.py: ") and "went away in the middle" in done.stderr, done.stderr
    works_as_before(bench, builds)


def test_flash_killed_in_the_middle_goes_on_where_it_stopped(bench, cabled, builds):
    running = bench.begin("flash", "--commit", V2, port=cabled.path)
    cabled.wait_for(80_000, running)
    running.kill()
    running.communicate()
    cabled.pull()
    works_as_before(bench, builds)
    done = bench.run("flash", "--commit", V2)
    assert done.returncode == 0, done.stderr
    all_blocks = len(builds[V2].romfs) // 4096
    assert 0 < sent(done)[0] < all_blocks - 10, "what had arrived before is not sent again"
    assert slot_content(bench, "b") == builds[V2].romfs and bench.files()["slot"] == b"b"


def test_a_board_left_behind_returns_to_work_by_itself(at_work):
    def slots():
        return at_work.flash.read("slot_a"), at_work.flash.read("slot_b")

    before = slots()
    running = at_work.begin("flash", "--commit", V2)
    ends = time.monotonic() + 60
    while slots() == before and time.monotonic() < ends:
        time.sleep(0.2)  # until it works at the prompt: it tells the board 10 s there
    assert running.poll() is None, "it is not done yet"
    running.kill()
    running.communicate()
    assert b'{"boot"' in at_work.said(b'{"boot"', 40), "the time it was told is over after 10 s"


def test_a_board_that_loses_power_in_the_middle_is_one_sentence(bench, cabled):
    running = bench.begin("flash", "--commit", V2, port=cabled.path)
    cabled.wait_for(20_000, running)
    bench.machine.cut_power()
    output, _ = running.communicate(timeout=60)
    assert running.returncode == 2 and "stopped answering" in output, output


def test_a_wrong_key_changes_nothing_and_the_gateway_stays_at_work(at_work):
    (at_work.folder / "site" / "key").write_text("cd" * 32)
    done = at_work.run("backup", site=False)
    assert done.returncode == 2 and "the key is not this gateway's" in done.stderr
    for _ in range(WRONG_TRIES):
        again = at_work.run("backup", site=False)
        assert again.returncode == 2
        if "takes no other for a while" in again.stderr:
            break
    else:
        raise AssertionError(again.stderr)
    assert at_work.backups() == []


def test_settings_of_another_gateway_are_refused(at_work):
    at_work.site("gw-002")
    done = at_work.run("flash", "--commit", V1)
    assert done.returncode == 2 and "this board is gateway gw-001, the settings are those of gw-002: nothing was changed" in done.stderr
    assert b"gw-001" in at_work.files()["settings.json"]


def test_another_board_is_named_at_work_and_at_its_prompt(at_work, bench):
    def wrong():
        words = [word if word != "qemu_mps2" else "rp2040_modem" for word in bench.command("verify", site=False)]
        command = [*words, "--port", str(bench.port)]
        return subprocess.run(command, cwd=bench.checkout, capture_output=True, text=True, check=False, timeout=60)

    done = wrong()
    assert done.returncode == 2 and "is qemu_mps2, not rp2040_modem: nothing was changed" in done.stderr, done.stderr
    bench.machine.cut_power()
    bench.flash.write("files", b"")
    bench.start()
    bench.said(b">>> ")
    done = wrong()
    assert done.returncode == 2 and "is qemu_mps2, not rp2040_modem: nothing was changed" in done.stderr, done.stderr
    assert bench.flash.read("files").strip(b"\xff") == b""


def test_a_port_in_use_and_a_board_that_is_off_are_named(bench):
    import serial

    with serial.Serial(str(bench.port), exclusive=True):
        done = bench.run("verify", site=False)
    assert done.returncode == 2 and "is in use by another program" in done.stderr
    done = bench.run("verify", site=False)
    assert done.returncode == 2 and "nothing answers on" in done.stderr


def test_erase_keeps_the_journal_unless_it_is_typed_out(at_work):
    used = at_work.flash.read("journal").rstrip(b"\xff")
    asked = at_work.run("erase", site=False)
    assert asked.returncode == 2 and "Give --yes if so" in asked.stderr
    assert at_work.run("erase", "--yes", "--erase-j", site=False).returncode == 2
    done = at_work.run("erase", "--yes", site=False)
    assert done.returncode == 0, done.stderr
    assert at_work.flash.read("journal")[: len(used)] == used and at_work.flash.read("files").strip(b"\xff") == b""
    assert slot_content(at_work, "a") is None
    at_work.said(b">>> ")
    done = at_work.run("erase", "--yes", "--erase-journal", site=False)
    assert done.returncode == 0, done.stderr
    assert at_work.flash.read("journal").strip(b"\xff") == b"" and len(at_work.backups()) == 2


def test_a_board_that_died_is_replaced_from_its_backup(at_work, tmp_path_factory, builds, checkout):
    assert at_work.run("backup", site=False).returncode == 0
    (folder,) = at_work.backups()
    kept = read_backup(folder)
    at_work.machine.cut_power()
    spare = Bench(tmp_path_factory.mktemp("spare"), checkout)
    try:
        spare.prepare(builds[V1], site=False)
        spare.start()
        spare.said(b">>> ")
        done = spare.run("restore", "--from", folder, "--yes", site=False)
        assert done.returncode == 0 and "gateway gw-001 is back" in done.stdout and "give-state gw-001" in done.stdout, done.stderr
        assert spare.flash.read("journal")[: len(kept.journal)].startswith(kept.journal.rstrip(b"\xff"))
        assert spare.files()["key"].decode() == KEY and "restored" not in spare.files(), "journalled, so the mark is gone"
        (tmp_path_factory.getbasetemp() / "region.bin").write_bytes(spare.flash.region())
        books = read_region(tmp_path_factory.getbasetemp() / "region.bin", 4096, 1, len(spare.flash.read("journal")))
        standing = [record.number("value") for record in books.find("EVENT") if record.number("code") == 5]
        assert books.sound and standing == [2], "it awaits the head-end's state"
    finally:
        spare.close()


def test_books_of_its_own_are_not_overwritten_unasked(at_work):
    assert at_work.run("backup", site=False).returncode == 0
    (folder,) = at_work.backups()
    at_work.machine.cut_power()
    at_work.start()
    at_work.said(b'{"boot"')  # a BOOT record: the books went on
    done = at_work.run("restore", "--from", folder, "--yes", site=False)
    assert done.returncode == 2 and "type --erase-journal out in full" in done.stderr, done.stderr
    at_work.said(b'{"boot"', 40)
    done = at_work.run("restore", "--from", folder, "--yes", "--erase-journal", site=False)
    assert done.returncode == 0, done.stderr
