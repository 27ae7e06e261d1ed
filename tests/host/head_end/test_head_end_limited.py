"""What a customer hears who is limited instead of cut."""

from tests.host.head_end.test_head_end_notices import COIN, Carrier, decision, seen, send, told

__all__ = ("told",)  # a fixture


def limited(books, power_w=500):
    books.gateway.append("LIMIT", account=1001, what=1, limit_w=power_w, found_w=0xFFFF)


def test_a_limit_in_the_place_of_a_cut_is_told_with_its_power_and_so_is_its_end(told):
    carrier = Carrier()
    decision(told, 1, available=-500_000)
    limited(told)
    assert send(told, carrier) == []
    seen(told, 4)
    [stop] = send(told, carrier)
    assert stop.what == "stop" and "limited to 500 W" in stop.text and "payment of CNY 1.50 lifts" in stop.text
    told.gateway.append("LIMIT", account=1001, what=2, limit_w=500, found_w=0xFFFF)
    seen(told, 1)
    seen(told, 4)
    assert send(told, carrier) == [], "a meter that lost it has it again"
    decision(told, 2, 2, COIN)
    seen(told, 1)
    [back] = send(told, carrier)
    assert back.what == "restore" and "the limit is lifted" in back.text
    decision(told, 1, 4)
    limited(told, 300)
    seen(told, 4)
    [again] = send(told, carrier)
    assert "the operator limited it to 300 W" in again.text
    decision(told, 2, 2, COIN)
    seen(told, 1)
    decision(told, 1)
    seen(told, 2)
    assert "stopped" in send(told, carrier)[-1].text, "by the relay this time"
