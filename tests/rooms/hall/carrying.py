"""What the tests of accounts that move between gateways do again and again: one World is the gateway that gives, one the one that takes."""

from firmware.base.wire import cbor
from firmware.cutoff import supply
from firmware.ledger import record_kinds as kinds
from firmware.ledger.account_row import ROW
from tests.fake_board import World
from tests.hall_kit import alone, in_contact, told, until
from tests.rooms.hall.moving import lines

GIVE, TAKE = 14, 15
ACCOUNT = 1001
COIN = 1_000_000
TAKEN = 2
MONEY = ("total_charged_ucu", "total_0", "number_0", "issuer_0", "charged_0", "from_0", "charged_at_s")


def arriving():
    """A gateway whose settings say that the account comes from elsewhere."""
    return World(flags={0: {"arrives": True}})


def taking(world):
    """Compared with the head-end, and found sound."""
    world.gateway.head_end.standing = 0


def _verdict(world, order, number, document, account):
    before = len(told(world, kinds.ORDER))
    world.gateway.on_order(order, account, number, 0, 0, 0, bytes(cbor.encode(document)))
    verdicts = told(world, kinds.ORDER)
    return verdicts[-1][3:5] if len(verdicts) > before else None


def give(world, number=1, account=ACCOUNT):
    """-> (verdict, reason), None where there is none."""
    return _verdict(world, GIVE, number, {1: 0, 2: 0, 3: "to the new pole"}, account)


def take(world, row, number=2, until_s=0, debt=(0, 0, 0), what=TAKEN):
    """-> the same."""
    taking(world)
    document = {1: what, 2: bytes(row), 3: until_s, 4: debt[0], 5: debt[1], 6: debt[2], 7: "to the new pole"}
    return _verdict(world, TAKE, number, document, ACCOUNT)


def carried(world, all_of_them=False):
    """Fields of the CARRIED record."""
    found = told(world, kinds.CARRIED)
    return found if all_of_them else found[-1]


def given(script, cut=False, then=None, last=None):
    """A life at another gateway that ends with the account given away -> what it left, as it was before."""
    world = World()
    left = {}

    async def life(world):
        taking(world)
        if cut:
            in_contact(world)
            world.credit(-COIN)
            await until(lambda: world.row("seen") == supply.OPEN)
            for meter in world.meters:
                meter.silent = True
        if then is not None:
            then(world)
        return kept(world)

    def quiet(world):
        taking(world)
        script(world)
        return kept(world)

    def kept(world):
        give(world)
        left["row"] = carried(world)[-1]
        left["lines"] = lines(world, ACCOUNT)
        if last is not None:
            last(world)

    if cut:
        world.run(life)
    else:
        alone(world, quiet)
    totals = [ROW.get(left["row"], 0, "total_" + str(place)) for place in range(4)]
    left["money"] = [ROW.get(left["row"], 0, name) for name in MONEY]
    left["balance"] = sum(totals) - left["money"][0]
    left["troubles"] = world.gateway.ledger.troubles
    return left
