"""Reports and flags: what the head-end's commands send is what the firmware's decoders and the CDDL take."""

import pycddl
import pytest

from firmware.sync import messages
from host_tools.set_up import paths
from tests.host.head_end.books import POLICY, Books
from tests.host.head_end.simulated_gateway import NOW_S

SCHEMA = (paths.checkout() / "firmware" / "sync" / "messages.cddl").read_text()
EPISODE = 3


@pytest.fixture
def books(tmp_path):
    made = Books(tmp_path)
    made.gateway.begin()
    made.gateway.append("EPISODE", account=1001, episode=EPISODE, open=1, available_ucu=0)
    made.journal(1)
    assert made.run("policy", "set", made.file("policy.json", POLICY)) == 0
    return made


@pytest.mark.parametrize(
    ("words", "rule", "wanted"),
    [
        (("report", "1001", "met"), "report", (1, EPISODE, 0)),
        (("report", "1001", "nobody"), "report", (2, EPISODE, 0)),
        (("report", "1001", "delivered", "--level", "2"), "report", (3, EPISODE, 2)),
        (("flags", "1001"), "flags", (0, 0)),
        (("flags", "1001", "--protected", "--care", "--exempt"), "flags", (7, 0)),
        (("flags", "1001", "--exempt", "--until", "2036-12-31"), "flags", (4, 2_114_380_800 - 480 * 60)),
    ],
)
def test_the_firmware_reads_what_an_operator_ordered(books, words, rule, wanted):
    assert books.run(*words) == 0
    document = [order for order in books.sent("orders") if order[1] in (9, 11)][-1][7]
    pycddl.Schema(f"start = {rule}\n{SCHEMA}").validate_cbor(document)
    if rule == "flags":
        assert messages.decode_flags(document) == wanted
    else:
        *got, at_s = messages.decode_report(document)
        assert tuple(got) == wanted and abs(at_s - NOW_S) < 10 * 366 * 86_400
