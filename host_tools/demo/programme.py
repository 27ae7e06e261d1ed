"""The programme: eight steps, what should happen in each, and the name of every check that must have been made.

A story that stops early, or leaves a check out, has not held: `Checks.ok` compares what was done with this list.
"""

from dataclasses import dataclass

from host_tools.demo import cast


@dataclass(frozen=True)
class Scene:
    """One step. `starts` is the part of the given time before which it does not begin."""

    title: str
    should: str
    starts: float
    checks: tuple[str, ...]


def stays_on(role: str) -> str:
    """Name of the check about one of the four accounts below zero that keep their supply."""
    return "stays_on_" + role.replace(" ", "_")


SCENES = (
    Scene("Meters are read", "energy is charged; readings and charges of every account reach the head-end", 0.0, (
        "readings_at_head_end", "opening_credits", "charges_at_head_end", "charges_exact", "registers_agree",
    )),
    Scene("A balance runs low", "account {low} gets a notice through the head-end, and nobody else gets one", 0.2, (
        "notice_given", "notice_delivered", "notice_to_nobody_else",
    )),
    Scene("The broker is stopped", "the gateway notices, and goes on reading and charging", 0.26, (
        "payment_in_broker", "broker_gone", "outage_noticed", "reads_without_uplink", "charges_without_uplink",
    )),
    Scene("A floor is reached, offline",
          "account {customer} is warned on its meter, cut, and the relay read back; four others, as far below zero, stay on",
          0.34, (
              "payments_while_offline", "alarm_on_meters", "alarm_counts", "five_below_zero", "cut_decided", "warned_first",
              "relay_open", "cut_read_back", *(stays_on(role) for role in cast.STAY_ON), "others_not_cut",
          )),
    Scene("The power goes",
          "killed at a random moment and started again: all that was ever acknowledged is in the journal, once", 0.64, (
              "killed", "journal_sound", "acknowledged_once", "published_kept", "told_kept", "starts_again", "cut_stands",
          )),
    Scene("The broker returns, wiped",
          "credits that waited arrive, the backlog drains while live readings pass it, and both books agree", 0.68, (
              "broker_forgot", "live_beside_backlog", "backlog_drained", "queued_credits_arrived", "books_agree",
          )),
    Scene("The customer pays", "account {customer} has supply again; a cut order from before comes late and is refused",
          0.84, (
              "cut_order_held_back", "supply_returns", "payment_to_closed", "late_cut_refused", "supply_stays",
          )),
    Scene("Everything is counted", "wire, flash, meters and both books tell the same story", 0.94, (
        "all_acknowledged", "acknowledged_once_at_end", "published_kept_at_end", "told_kept_at_end", "journal_sound_at_end",
        "flash_equals_database", "balances_equal", "wire_understood", "nobody_complained",
    )),
)

ALL_CHECKS = tuple(name for scene in SCENES for name in scene.checks)


def should(number: int) -> str:
    """What should happen in a step, with the numbers of the accounts in it."""
    accounts = {one.role: one.account for one in cast.households(cast.METERS_LEAST)}
    return SCENES[number - 1].should.format(low=accounts[cast.LOW], customer=accounts[cast.CUT])
