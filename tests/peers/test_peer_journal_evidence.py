"""Journals of the real firmware, after lives with power cuts and lost messages: sound for verify-journal, and the source of notices."""

import pytest

from host_tools.head_end import outbox, verify_journal
from host_tools.head_end.database import Database
from host_tools.journal_reader import kinds
from tests.sim import central, story
from tests.sim.options import draw


@pytest.fixture(scope="module", params=(4, 101))
def life(request):
    """(database of the head-end, name of the gateway) after half a virtual day of faults and the healing."""
    with pytest.MonkeyPatch.context() as patch:
        made, begin = [], central.Central.__init__
        patch.setattr(central.Central, "__init__", lambda self, *given, **named: (made.append(self), begin(self, *given, **named))[1])
        patch.setattr(Database, "close", lambda db: None)  # it is looked at afterwards
        story.play(draw(request.param, 0.5))
        yield made[-1].db, made[-1].gateway


@pytest.fixture
def export(life, tmp_path):
    path = tmp_path / "journal"
    verify_journal.export(*life, str(path))
    return path


def test_what_the_firmware_wrote_is_sound(life, export):
    db, gateway = life
    held = verify_journal.verify_held(db, gateway)
    assert not held.found and held.countersigned == held.records[-1].sequence and held.signatures > 10
    assert any(record.kind == kinds.ACKED for record in held.records), "the gateway keeps what was countersigned"
    assert not verify_journal.verify_file(db, str(export), None, False).found
    assert not verify_journal.verify_file(None, str(export), None, False).found


def test_an_edit_and_a_cut_anywhere_in_it_are_found(life, export):
    db, gateway = life
    records = verify_journal.verify_held(db, gateway).records
    whole = export.read_bytes()
    for record in records[:: max(1, len(records) // 20)]:
        at = whole.index(record.raw)
        export.write_bytes(whole[: at + 12] + bytes([whole[at + 12] ^ 1]) + whole[at + 13 :])
        assert verify_journal.verify_file(db, str(export), gateway, False).found[0][0] == verify_journal.EDITED
        if record.sequence > 1:
            export.write_bytes(whole[:at])
            assert verify_journal.verify_file(db, str(export), gateway, False).found[0][0] == verify_journal.SHORTENED


def test_every_payment_has_one_receipt_and_every_stop_that_was_seen_one_notice(life):
    db, _ = life
    db.run("DELETE FROM outbox")
    db.run("DELETE FROM outbox_cursors")
    while outbox.make(db, 1):
        pass
    rows = outbox.listed(db, 10_000)
    paid = db.number("SELECT count(DISTINCT account || ' ' || json_extract(fields, '$.number')) FROM records WHERE kind = 7"
                     " AND json_extract(fields, '$.amount_ucu') > 0")  # fmt: skip
    assert sum(row["what"] == "receipt" for row in rows) == paid > 0
    stops, returns = (sum(row["what"] == what for row in rows) for what in ("stop", "restore"))
    cuts = db.number("SELECT count(*) FROM records WHERE kind = 13 AND json_extract(fields, '$.verdict') = 1")
    assert returns <= stops <= cuts
