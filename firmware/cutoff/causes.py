"""May a document make customers due who would not be due without it? (design section 5, Brake). Pure; loaded when one comes.

A new version of a policy that raises the floor, or of a tariff that raises a price, is a suspect: too many accounts due through one
document are more likely a wrong document than so many debts, however slowly they come. Due through it is who would stand at the
restore amount or above without it; what moves somebody by less than that is no news.

A suspect keeps what was in force before the first of several such versions, so that a wrong one in many small steps is one cause.
A version that takes it back ends the suspicion, a signed release of the brake ends all.

Trap avoided: a tariff of another shape has no price to compare with; then its dearest is held against the cheapest before.
"""

from firmware.base.port import const

TARIFF = const(1)  # what of SPEC kinds 31 and 32
POLICY = const(2)
CORRECTIONS = const(3)
ORDERS = const(4)

SUSPECTED = const(1)  # state of SPEC kind 31
CLOSED = const(2)
OVER = const(3)

WHOLE = const(1_000)  # a share is per mille


def of_policy(known, before, now):
    """(state, floor, restore, emergency before) of version `now` behind `before`; None = no suspect. `known`: those of the suspect
    that this policy is already, or None."""
    floor_ucu, restore_ucu, emergency_ucu = known or (before.floor_ucu, before.restore_ucu, before.emergency_ucu)
    harder = now.floor_ucu > floor_ucu or now.floor_ucu - now.emergency_ucu > floor_ucu - emergency_ucu
    if not harder and known is None:
        return None
    return SUSPECTED if harder else OVER, floor_ucu, restore_ucu, emergency_ucu


def of_tariff(known, before, now):
    """(state, share per mille of each charge that would not have been asked before) of version `now`; None = no suspect."""
    share = share_floor(before, now)
    if known:
        share = WHOLE - (WHOLE - known) * (WHOLE - share) // WHOLE
    if share <= 0:
        return None if known is None else (OVER, 0)
    return SUSPECTED, share


def share_floor(before, now):
    """The largest share, per mille, of a price of `now` that is more than the same one of `before`; negative = all are lower."""
    old, new = _prices(before), _prices(now)
    if _shape(before) != _shape(now):
        old, new = [min(old)], [max(new)]
    old += [before.fee_day_ucu, before.fee_month_ucu, before.minimum_month_ucu]
    new += [now.fee_day_ucu, now.fee_month_ucu, now.minimum_month_ucu]
    worst = -WHOLE
    for place in range(len(new)):
        if old[place] or new[place]:
            more = new[place] - old[place]
            worst = max(worst, more * WHOLE // new[place] if new[place] > 0 else -WHOLE)
    return worst


def _prices(tariff):
    if tariff.steps is None:
        return list(tariff.prices)
    if tariff.steps.prices is not None:
        return list(tariff.steps.prices)
    return [base + more for base in tariff.prices for more in tariff.steps.surcharges]


def _shape(tariff):
    """What must be the same for prices to be held against each other: registers, hours of bands, thresholds of steps."""
    steps = tariff.steps
    thresholds = None if steps is None else (steps.over, steps.prices is None, steps.thresholds_cwh)
    bands = tariff.bands
    hours = None if bands is None else (bands.names, bands.plans, bands.places, bands.rule)
    return tariff.rates, len(tariff.prices), hours, thresholds
