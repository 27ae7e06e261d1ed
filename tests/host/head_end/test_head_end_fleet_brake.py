"""The fleet brake: too many accounts due over all gateways, and no cut order leaves until a signed release."""

import pytest

from host_tools.head_end import commands, fleet_brake, signers
from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadInput
from host_tools.head_end.messages import unseal
from host_tools.head_end.outgoing import Outgoing
from tests.host.head_end.simulated_gateway import NOW_S

DAY_S = 86_400


@pytest.fixture
def fleet(books):
    """Thirty accounts at two gateways; a limit of 3, or a tenth; an operator "anna"."""
    commands.add_gateway(books.db, "gw-002", bytes(32))
    for number in range(2, 31):
        commands.add_account(books.db, f"gw-00{1 + number % 2}", 1000 + number, f"{number:012d}", 1, 1)
    fleet_brake.set_limits(books.db, 3, 10, 24)
    books.key = books.folder / "anna"
    key = signers.new_key(str(books.key))
    signers.add_operator(books.db, "anna", key.hex(), [], NOW_S)
    books.gateway.begin()
    books.journal(1)
    return books


def due(books, account, verdict=4, failed=0, now_s=NOW_S):
    """A decision about a cut for the balance, heard at `now_s`."""
    number = books.gateway.append(
        "DECISION", account=account, verdict=verdict, reason=1, failed=failed, available_ucu=0, floor_ucu=0, register_cwh=0,
        reading_at_s=0, policy=1, policy_version=2, tariff=1, tariff_version=3, order=0, episode=1, notice_at_s=0,
    )  # fmt: skip
    books.now_s = now_s
    books.journal(number)


def cut(books, account, now_s=NOW_S):
    return commands.order(books.db, str(account), "cut", 60, now_s)


def sent_cuts(books, now_s=NOW_S):
    """Orders to cut or restore that a server which begins now would send."""
    found = []
    for parcel in Outgoing(books.db).due(0, now_s):
        gateway = parcel.topic.split("/")[1]
        body = unseal(parcel.payload, gateway, books.gateway.key if gateway == "gw-001" else bytes(32), parcel.topic)
        found += [body] if parcel.topic.endswith("/orders") and body[1] in (1, 2) else []
    return found


def signature(books, nonce):
    return "anna=" + signers.sign(str(books.key), signers.release_text(nonce)).hex()


def test_decisions_of_all_gateways_and_orders_count_together_each_account_once(fleet):
    for _ in range(5):
        due(fleet, 1001)
        due(fleet, 1002, 3)
    due(fleet, 1003, failed=1)  # its balance is not at the floor
    due(fleet, 1004, verdict=2)
    cut(fleet, 1001)
    assert fleet_brake.state(fleet.db, NOW_S)["due"] == 2
    cut(fleet, 1005)
    with pytest.raises(BadInput, match="^order: the fleet brake is closed"):
        cut(fleet, 1006)
    assert fleet_brake.is_closed(fleet.db)


def test_closed_it_holds_the_orders_that_wait_and_lists_them(fleet):
    for account in (1001, 1002, 1003):
        cut(fleet, account)
    due(fleet, 1004)
    assert sent_cuts(fleet) == [], "the order that is one too many must not be sent first"
    commands.order(fleet.db, "1001", "restore", 60, NOW_S)
    assert len(sent_cuts(fleet)) == 1, "restores are never held"
    state = fleet_brake.state(fleet.db, NOW_S)
    assert state["answer"] == "CLOSED" and state["held_cuts"] == [1001, 1002, 1003] and state["closed_by"] == 4


def test_a_server_that_just_looked_looks_again_before_a_cut_leaves(fleet):
    out = Outgoing(fleet.db)
    out.due(0, NOW_S)
    for account in (1001, 1002, 1003):
        cut(fleet, account)
    due(fleet, 1004)
    out.due(1_000, NOW_S)
    assert out.braked and not any(key[1] == "order" for key in out.tries)


def test_neither_time_nor_a_new_start_nor_a_wider_limit_opens_it(fleet):
    for account in (1001, 1002, 1003, 1004):
        due(fleet, account)
    fleet.outgoing.due(20_000, NOW_S)  # a server looks now and then, also when no order waits
    assert fleet_brake.is_closed(fleet.db)
    assert fleet_brake.state(fleet.db, NOW_S + 9 * DAY_S)["answer"] == "CLOSED"
    assert fleet_brake.is_closed(Database(fleet.path))
    with pytest.raises(BadInput, match="^fleet-brake: "):
        fleet_brake.set_limits(fleet.db, 1_000, 100, 24)


def test_only_a_signature_over_its_nonce_opens_it_and_what_was_before_counts_no_more(fleet):
    for account in (1001, 1002, 1003, 1004):
        due(fleet, account)
    nonce = fleet_brake.state(fleet.db, NOW_S)["nonce"]
    good = signature(fleet, nonce)
    for wrong in ([], [signature(fleet, "0" * 32)], [good[:-1] + ("0" if good[-1] != "0" else "1")], ["otto=" + good[5:]], [good[5:]]):
        with pytest.raises(BadInput, match="^signature: "):
            fleet_brake.release(fleet.db, wrong, NOW_S + 1)
        assert fleet_brake.is_closed(fleet.db)
    assert fleet_brake.release(fleet.db, [good], NOW_S + 1)["by"] == ["anna"]
    assert fleet_brake.state(fleet.db, NOW_S + 2)["due"] == 0
    for account in (1005, 1006, 1007):
        cut(fleet, account, NOW_S + 2)
    assert len(sent_cuts(fleet, NOW_S + 2)) == 3
    with pytest.raises(BadInput, match="^release: "):
        fleet_brake.release(fleet.db, [good], NOW_S + 3)
    with pytest.raises(BadInput, match="^order: "):
        cut(fleet, 1008, NOW_S + 3)
    with pytest.raises(BadInput, match="^signature: "):
        fleet_brake.release(fleet.db, [good], NOW_S + 4)  # the old nonce opens no new one


def test_outside_the_window_they_do_not_add_up(fleet):
    for place, account in enumerate(range(1001, 1011)):
        due(fleet, account, now_s=NOW_S + place * DAY_S // 2)
        assert not fleet_brake.look(fleet.db, NOW_S + place * DAY_S // 2)


def test_the_share_of_all_accounts_counts_where_it_is_more(fleet):
    fleet_brake.set_limits(fleet.db, 0, 20, 24)
    for account in range(1001, 1007):
        due(fleet, account)
    assert not fleet_brake.look(fleet.db, NOW_S)
    due(fleet, 1007)
    assert fleet_brake.look(fleet.db, NOW_S)


@pytest.mark.parametrize(
    "words, field",
    (
        (("fleet-brake", "set"), "set"),
        (("fleet-brake", "set", "--accounts", "-1", "--share", "1", "--window", "1"), "accounts"),
        (("fleet-brake", "set", "--accounts", "1", "--share", "101", "--window", "1"), "share"),
        (("fleet-brake", "set", "--accounts", "1", "--share", "1", "--window", "0"), "window"),
        (("fleet-brake", "release"), "release"),
        (("fleet-brake", "show", "--share", "1"), "show"),
    ),
)
def test_wrong_use_is_one_sentence(books, capsys, words, field):
    assert books.run(*words) == 2
    said = capsys.readouterr().err
    assert said.startswith(field + ": ") and said.count("\n") == 1


def test_the_commands_close_show_and_release(fleet, capsys):
    for account in (1001, 1002, 1003):
        assert fleet.run("order", str(account), "cut") == 0
    assert fleet.run("order", "1004", "cut") == 2
    assert "fleet brake is closed" in capsys.readouterr().err
    assert fleet.run("fleet-brake") == 0
    nonce = capsys.readouterr().out.split("nonce ")[1].strip()
    assert fleet.run("sign", "release", nonce, "--key-file", str(fleet.key)) == 0
    signed = capsys.readouterr().out.split("signature ")[1].strip()
    assert fleet.run("fleet-brake", "release", "--signature", "anna=" + signed) == 0
    capsys.readouterr()
    assert fleet.run("order", "1004", "cut") == 0
