"""verify-journal: edited, shortened and forked journals are found and named; sound ones are called sound."""

import json
import struct
import zlib

import pytest

from host_tools.head_end.messages import countersign
from host_tools.journal_reader import pack_record, parse_record
from tests.host.head_end.books import honest_story
from tests.host.head_end.simulated_gateway import NOW_S


@pytest.fixture
def file(books):
    """An exported journal: two credits and three charges, countersigned at record 4 and at its end."""
    honest_story(books)
    ack = books.journal(3, 4)
    books.gateway.append("ACKED", epoch=1, sequence=ack[2], chain=ack[3], countersign=ack[4], readings=0)
    for end in (100_600, 100_700, 100_800):
        books.gateway.charge(end - 100, end)
    books.journal(5)
    path = books.folder / "journal"
    assert books.run("export-journal", "gw-001", str(path)) == 0
    return path


def verdict(books, capsys, *arguments):
    """(exit status, kind of the first finding, its sentence)"""
    capsys.readouterr()
    status = books.run("verify-journal", *map(str, arguments))
    said = capsys.readouterr()
    assert not said.err, said.err
    lines = said.out.splitlines()
    what, _, sentence = lines[0].partition(": ")
    return status, what, sentence


def split(data):
    pieces, at = [], 0
    while at < len(data):
        pieces.append(data[at : at + data[at]])
        at += data[at]
    return pieces


def rechained(pieces, change_at, change):
    """The journal written anew with one record changed: sequence, chain and CRC all fit again."""
    chain, out = bytes(8), []
    for raw in pieces:
        record = parse_record(raw)
        fields = dict(record.fields)
        if record.sequence == change_at:
            fields.update(change)
        if record.name == "ACKED" and record.number("sequence") >= change_at:
            fields["chain"] = parse_record(out[record.number("sequence") - 1]).chain
        out.append(pack_record(record.name, record.sequence, record.at_s, record.quality, 1, chain, **fields))
        chain = out[-1][-12:-4]
    return out


def with_crc(raw):
    return raw[:-4] + struct.pack("<I", zlib.crc32(raw[:-4]))


def test_a_sound_journal_is_sound_in_the_file_and_in_the_database(books, file, capsys):
    assert verdict(books, capsys, file) == (0, "sound", "records 1 to 11, countersigned to record 11 at 3 places")
    assert verdict(books, capsys, "--gateway", "gw-001")[:2] == (0, "sound")
    assert verdict(books, capsys, file, "--chain-only")[1:] == (
        "sound", "records 1 to 11, chain only: no countersignature was checked",
    )  # fmt: skip


@pytest.mark.parametrize("number", range(1, 12))
@pytest.mark.parametrize("mended", (False, True))
def test_every_edited_record_is_found_without_and_with_a_right_crc(books, file, capsys, number, mended):
    pieces = split(file.read_bytes())
    raw = bytearray(pieces[number - 1])
    raw[-13] ^= 1  # the last byte of its fields
    pieces[number - 1] = with_crc(bytes(raw)) if mended else bytes(raw)
    file.write_bytes(b"".join(pieces))
    for more in ((), ("--chain-only",), ("--gateway", "gw-001")):
        status, what, sentence = verdict(books, capsys, file, *more)
        assert (status, what) == (1, "edited") and f"record {number}" in sentence, sentence


def test_an_edited_record_with_a_right_chain_breaks_the_one_behind_it(books, file, capsys):
    pieces = split(file.read_bytes())
    pieces[4] = rechained(pieces, 5, {"to_cwh": 100_001})[4]
    file.write_bytes(b"".join(pieces))
    status, what, sentence = verdict(books, capsys, file)
    assert (status, what) == (1, "edited") and sentence.startswith("the chain does not continue at record 6")


@pytest.mark.parametrize(
    "kept, said",
    (
        (slice(0, 10), "it ends with record 10, but records were countersigned up to 11"),
        (slice(0, 2), "it ends with record 2"),
        (slice(1, 11), "the file begins with record 2"),
    ),
)
def test_a_journal_without_its_end_or_beginning_is_shortened(books, file, capsys, kept, said):
    file.write_bytes(b"".join(split(file.read_bytes())[kept]))
    status, what, sentence = verdict(books, capsys, file, "--gateway", "gw-001")
    assert (status, what) == (1, "shortened") and sentence.startswith(said), sentence
    assert verdict(books, capsys, file, "--gateway", "gw-001", "--part")[:2] == (0, "sound")


def test_missing_records_in_the_middle_and_a_torn_end_are_shortened(books, file, capsys):
    pieces = split(file.read_bytes())
    file.write_bytes(b"".join(pieces[:5] + pieces[7:]))
    assert verdict(books, capsys, file, "--part") == (1, "shortened", "records 6 to 7 are missing")
    file.write_bytes(b"".join(pieces)[:-5])
    assert verdict(books, capsys, file, "--chain-only")[:2] == (1, "shortened")
    file.write_bytes(b"".join([*pieces, pieces[4]]))
    assert verdict(books, capsys, file) == (1, "edited", "record 5 stands out of order")


def test_books_written_anew_are_a_fork(books, file, capsys):
    pieces = split(file.read_bytes())
    file.write_bytes(b"".join(rechained(pieces, 3, {"amount_ucu": 1})))
    status, what, sentence = verdict(books, capsys, file)
    assert (status, what) == (1, "forked") and "record 4 is not the one that was countersigned" in sentence
    capsys.readouterr()
    assert books.run("verify-journal", str(file), "--json") == 1
    told = [one["sentence"] for one in json.loads(capsys.readouterr().out)["found"]]
    assert any("countersignature over record 4 that this head-end did not make" in sentence for sentence in told)
    assert verdict(books, capsys, file, "--chain-only")[0] == 0, "the chain alone cannot tell: that is why there is a countersignature"
    left = rechained(pieces, 3, {"amount_ucu": 1})
    left[7] = pack_record("ACKED", 8, NOW_S, 3, 1, left[6][-12:-4], **parse_record(pieces[7]).fields)
    file.write_bytes(b"".join(left[:8]))
    status, what, sentence = verdict(books, capsys, file, "--chain-only")
    assert (status, what) == (1, "forked") and "record 4 is not the one that was countersigned" in sentence


def test_a_fork_behind_the_last_countersignature_in_the_file_is_found_by_those_kept_here(books, file, capsys):
    file.write_bytes(b"".join(rechained(split(file.read_bytes()), 10, {"to_cwh": 100_001})))
    status, what, sentence = verdict(books, capsys, file)
    assert (status, what) == (1, "forked") and "record 11 is not the one that was countersigned" in sentence


def test_a_countersignature_of_another_gateway_is_none(books, file, capsys):
    pieces = split(file.read_bytes())
    key = bytes(books.db.row("SELECT countersign_key FROM head_end")[0])
    fields = dict(parse_record(pieces[7]).fields)
    fields["countersign"] = countersign(key, "gw-002", 1, fields["sequence"], fields["chain"])
    pieces[7] = pack_record("ACKED", 8, parse_record(pieces[7]).at_s, 3, 1, pieces[6][-12:-4], **fields)
    file.write_bytes(b"".join(pieces[:8]))
    assert verdict(books, capsys, file, "--part")[:2] == (1, "forked")


@pytest.mark.parametrize(
    "sql, what",
    (
        ("UPDATE records SET raw = (SELECT raw FROM records WHERE sequence = 6) WHERE sequence = 7", "edited"),
        ("UPDATE records SET fields = replace(fields, '5000000', '9000000') WHERE sequence = 3", "edited"),
        ("UPDATE records SET raw = x'00' WHERE sequence = 11", "edited"),
        ("DELETE FROM records WHERE sequence = 6", "shortened"),
        ("DELETE FROM records WHERE sequence > 9", "shortened"),
        ("DELETE FROM records WHERE sequence = 1", "shortened"),
        ("DELETE FROM records", "shortened"),
        ("UPDATE acknowledgements SET chain = x'0102030405060708' WHERE sequence = 11", "forked"),
        ("UPDATE acknowledgements SET countersign = x'0102030405060708' WHERE sequence = 4", "forked"),
    ),
)
def test_what_is_held_here_is_checked_as_hard(books, file, capsys, sql, what):
    books.db.run(sql)
    status, found, sentence = verdict(books, capsys, "--gateway", "gw-001")
    assert (status, found) == (1, what), sentence


def test_a_database_that_was_changed_is_told_from_the_file_that_was_countersigned(books, file, capsys):
    anew = rechained(split(file.read_bytes()), 10, {"to_cwh": 100_001})
    books.db.run("UPDATE records SET raw = ? WHERE sequence = 10", anew[9])
    status, what, sentence = verdict(books, capsys, file)
    assert (status, what) == (1, "edited") and sentence.startswith("record 10 as held in the database")


def test_a_new_epoch_and_records_that_were_lost_before_they_came_are_sound(books, file, capsys):
    books.gateway.sequence = 2_000
    books.gateway.chain = b"\x01" * 8  # records that no head-end ever held
    books.db.run("UPDATE gateways SET given_epoch = 2, given_first = 2001")
    books.gateway.append("EPOCH", epoch=2, reason=2, boot_count=2, firmware=1)
    books.gateway.charge(100_800, 100_900)
    books.journal(2_001)
    assert books.db.number("SELECT sequence FROM gateways") == 2_002
    assert verdict(books, capsys, "--gateway", "gw-001")[:2] == (0, "sound")
    path = books.folder / "second"
    assert books.run("export-journal", "gw-001", str(path)) == 0
    assert verdict(books, capsys, path)[:2] == (0, "sound")
    assert verdict(books, capsys, file)[:2] == (1, "shortened"), "an older export"


@pytest.mark.parametrize(
    "words, field",
    (
        ((), "file"),
        (("/does/not/exist", "--chain-only"), "file"),
        (("--chain-only",), "chain-only"),
        (("FILE", "--gateway", "gw-009"), "gateway"),
        (("--gateway", "gw-009"), "gateway"),
        (("--gateway", "gw-001", "--part"), "part"),
        (("EMPTY",), "file"),
        (("FOREIGN",), "gateway"),
    ),
)
def test_wrong_use_is_one_sentence(books, file, capsys, words, field):
    (books.folder / "empty").write_bytes(b"")
    foreign = pack_record("EPOCH", 1, NOW_S, 3, 9, bytes(8), epoch=9, reason=1, boot_count=1, firmware=1)
    (books.folder / "foreign").write_bytes(foreign)
    names = {"FILE": str(file), "EMPTY": str(books.folder / "empty"), "FOREIGN": str(books.folder / "foreign")}
    capsys.readouterr()
    assert books.run("verify-journal", *(names.get(word, word) for word in words)) == 2
    said = capsys.readouterr().err
    assert said.startswith(field + ": ") and said.count("\n") == 1


def test_an_export_overwrites_nothing_and_json_lists_all(books, file, capsys):
    capsys.readouterr()
    assert books.run("export-journal", "gw-001", str(file)) == 2
    assert capsys.readouterr().err.startswith("file: ")
    pieces = split(file.read_bytes())
    file.write_bytes(b"".join(pieces[:5] + pieces[6:9]))
    capsys.readouterr()
    assert books.run("verify-journal", str(file), "--json") == 1
    answer = json.loads(capsys.readouterr().out)
    assert [one["what"] for one in answer["found"]] == ["shortened", "shortened"] and not answer["sound"]


def test_records_hidden_behind_an_epoch_that_nobody_gave_are_a_fork(books, file, capsys):
    """A given epoch passes over numbers: a forger could hide there whatever was countersigned."""
    pieces = split(file.read_bytes())
    last = parse_record(pieces[-1]).sequence
    forged = pack_record("EPOCH", last + 10, NOW_S, 3, 2, bytes(8), epoch=2, reason=2, boot_count=2, firmware=1)
    file.write_bytes(b"".join(pieces[:2]) + forged)
    assert verdict(books, capsys, file)[:2] == (1, "forked")
    capsys.readouterr()
    assert books.run("verify-journal", str(file), "--chain-only") == 0
    assert f"note: numbers 3 to {last + 9} are passed over by epoch 2" in capsys.readouterr().out, "only the head-end knows what it gave"


def test_a_part_that_names_no_epoch_is_checked_all_the_same(books, file, capsys):
    pieces = split(file.read_bytes())
    edited = pieces[3][:-13] + bytes([pieces[3][-13] ^ 1]) + pieces[3][-12:-4]
    edited += struct.pack("<I", zlib.crc32(edited))
    for first in (1, 2):
        file.write_bytes(b"".join(pieces[first:7]))
        assert verdict(books, capsys, file, "--part", "--chain-only")[:2] == (0, "sound")
        file.write_bytes(b"".join([*pieces[first:3], edited, *pieces[4:7]]))
        assert verdict(books, capsys, file, "--part", "--chain-only")[:2] == (1, "edited")
    file.write_bytes(pieces[3])
    assert books.run("verify-journal", str(file), "--part", "--chain-only") == 0
    assert "note: nothing says in which epoch it begins" in capsys.readouterr().out
