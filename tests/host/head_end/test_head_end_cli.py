"""The command line as its user meets it: one sentence for what is wrong, answers that can be read, no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.host.head_end.books import TARIFF, honest_story

ROOT = Path(__file__).resolve().parents[3]


def run(folder: Path, *arguments: str, **more):
    command = [sys.executable, "-m", "host_tools.head_end", "--db", str(folder / "head_end.db"), *arguments]
    return subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, timeout=60, **more)


def refused(books, capsys, *arguments: str) -> str:
    """The one sentence of a refused command."""
    try:
        status = books.run(*arguments)
    except SystemExit as end:
        status = end.code
    said = capsys.readouterr()
    assert status == 2 and said.err.count("\n") == 1 and not said.out, said
    return said.err


@pytest.mark.parametrize(
    "arguments, field",
    (
        (("readings", "--limit", "0"), "--limit"),
        (("readings", "--limit", "-1"), "--limit"),
        (("journal", "--limit", "9" * 20), "--limit"),
        (("journal", "--limit", "1_0"), "--limit"),
        (("journal", "--limit", "١"), "--limit"),
        (("topup", "1001", "5", "--reference", "a\udcff"), "--reference"),
        (("topup", "1001", "5", "--reference", "a\nb"), "--reference"),
        (("topup", "1001", "5", "--reference", "   "), "reference"),
        (("topup", "1001", "5", "--reference", "r", "--issuer", "x"), "--issuer"),
        (("topup", "1001", "5", "--reference", "r", "--issuer", "65536"), "issuer"),
        (("topup", "1001", "5"), "--reference"),
        (("order", "1001", "cut", "--expires", "1.5"), "--expires"),
        (("order", "1001", "cut", "--expires", "-1"), "expires"),
        (("order", "1001", "explode"), "what"),
        (("account", "add", "7", "--gateway", "gw-001", "--meter", "000000000001", "--tariff", "1", "--policy", "1"), "meter"),
        (
            ("account", "add", "7", "--gateway", "gw-001", "--meter", "000000000002", "--tariff", "1", "--policy", "1", "--name", "\t"),
            "--name",
        ),
        (("account", "add", "7", "--gateway", "gw-001", "--meter", "000000000002", "--tariff", "١", "--policy", "1"), "--tariff"),
        (("gateway", "add", "gw-002"), "key-file"),
        (("serve", "--broker", "localhost:١"), "broker"),
        (("serve", "--broker", "localhost"), "broker"),
        (("nothing",), "COMMAND"),
        ((), "COMMAND"),
    ),
)
def test_a_wrong_argument_gets_one_sentence_with_its_name(books, capsys, arguments, field):
    before = list(books.db.connection.iterdump())
    assert field in refused(books, capsys, *arguments)
    assert list(books.db.connection.iterdump()) == before


@pytest.mark.parametrize("text", ('"x"', "[1]", "7", "null", "{", "", "\x00", "{" * 100_000, '{"tariff": ' + "9" * 5000 + "}"))
def test_a_file_that_is_no_document_gets_one_sentence(books, capsys, text):
    for kind in ("tariff", "policy"):
        said = refused(books, capsys, kind, "set", books.file("bad.json", text))
        assert said.startswith(("file: ", f"{kind}: ")) and "model" not in said and "instance" not in said


@pytest.mark.parametrize("effective", ("２０２６-01-01", "2026-02-30", "2026-W01-1", "x", ""))
def test_a_date_is_explained_by_an_example(books, capsys, effective):
    said = refused(books, capsys, "tariff", "set", books.file("bad.json", TARIFF | {"version": 4, "effective": effective}))
    assert said == "effective: must be a date such as 2026-01-01\n"


def test_a_fifth_issuer_is_refused_before_the_gateway_has_to(books, capsys):
    for issuer in range(1, 5):
        assert books.run("topup", "1001", "1", "--reference", f"r{issuer}", "--issuer", str(issuer)) == 0
    capsys.readouterr()
    assert refused(books, capsys, "topup", "1001", "1", "--reference", "r5", "--issuer", "5").startswith("issuer: ")
    assert books.run("topup", "1001", "1", "--reference", "r6", "--issuer", "4") == 0


@pytest.mark.slow
def test_a_database_that_is_not_there_is_not_begun_by_a_question(tmp_path):
    for words in (["accounts"], ["topup", "1001", "5", "--reference", "r"], ["reconcile"], ["gateway", "give-state", "x"]):
        done = run(tmp_path, *words)
        assert done.returncode == 2 and done.stderr.startswith("db: ") and done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_file_that_is_no_database_gets_one_sentence(tmp_path):
    (tmp_path / "head_end.db").write_bytes(os.urandom(5000))
    done = run(tmp_path, "accounts")
    assert (done.returncode, done.stderr) == (2, f"db: {tmp_path / 'head_end.db'} cannot be used: file is not a database\n")


@pytest.mark.slow
def test_a_reader_that_left_and_a_full_disk_are_no_traceback(books):
    honest_story(books)
    books.journal(1)
    books.gateway.charge(100_501, 100_502, error_ucu=1)
    books.journal(books.gateway.sequence)
    read, write = os.pipe()
    os.close(read)
    for words, status in (("journal", 0), ("accounts", 0), ("why 1001", 0), ("reconcile", 1), ("reconcile --json", 1)):
        done = run(books.folder, *words.split(), stdout=write)
        assert (done.returncode, done.stderr) == (status, ""), words
    os.close(write)
    with open("/dev/full", "w") as full:
        done = run(books.folder, "accounts", stdout=full)
    assert done.returncode == 3 and done.stderr.startswith("output: ") and done.stderr.count("\n") == 1
    done = run(books.folder, "accounts", preexec_fn=lambda: os.close(1))
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_printed_has_units_and_times_and_no_internals(books, capsys):
    honest_story(books)
    books.journal(1)
    books.hear("up/readings", books.gateway.readings_payload(range(1, 4)))
    assert books.run("topup", "1001", "5", "--reference", "r") == 0
    assert capsys.readouterr().out.startswith("created: account 1001, issuer 1, number 3, amount 5.00, total 15.00")
    assert books.run("order", "1001", "cut") == 0
    said = capsys.readouterr().out
    assert "expires 20" in said and "Z" in said and "[]" not in said
    for command in ("accounts", "readings", "gateways", "journal"):
        assert books.run(command) == 0
        out = capsys.readouterr().out
        assert "cwh" not in out and "at s" not in out and "_" not in out, out
    assert books.run("readings", "--limit", "1") == 0
    assert capsys.readouterr().out.count("1001") == 1


def test_an_empty_list_is_said_in_words(books, capsys):
    assert books.run("readings") == 0
    assert capsys.readouterr().out == "no readings\n"
