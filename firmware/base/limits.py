"""Every bound and period of the firmware, in one place, with its unit and its reason (DESIGN: bound everything).

Wire facts are `const` where they are used; what a site or a test may vary is here. A task is given one `Limits` object
and reads attributes from it. `Limits(poll_period_ms=60_000)` varies one; an unknown name or a wrong value is a person's
mistake, so it is BadInput and names the field.

Trap avoided: `True` is an integer in Python; it is refused, and so are floats and negative numbers.
"""

from firmware.base.faults import BadInput


class Limits:
    """Class attributes are the defaults; keyword arguments override them for one instance."""

    # meter bus
    poll_period_ms = 900_000  # one reading of each meter per quarter of an hour
    reply_start_timeout_ms = 800  # the standard allows 500 ms; old meters behind repeaters take longer
    inter_byte_timeout_ms = 100  # the standard allows 500 ms between bytes of a frame; a dead line shows sooner
    quiet_between_exchanges_ms = 60  # lets the last driver release the line before the next request
    read_retries = 2  # repeats after the first attempt; more would let one dead meter starve the others
    back_off_first_ms = 15_000  # first pause after a meter failed all its attempts
    back_off_max_ms = 300_000  # a returning meter is noticed within 5 minutes

    reply_longest_ms = 2_000  # from the first byte: 212 bytes at 1200 baud, whatever chatters on the line
    late_answer_wait_ms = 300  # silence demanded before the same meter is asked again
    relay_orders_max = 32  # cuts and looks that wait together; a restore always finds room
    relay_valid_s = 300  # a stored or replayed relay frame expires after this, by the meter's own clock
    relay_silences_max = 10  # tries of a relay sequence at a silent meter, spread over minutes
    relay_resends_max = 2  # and only while the status word shows that nothing moved
    relay_polls_max = 6  # looks at the status word after an acknowledgement, plus the meter's own trip delay
    load_after_cut_w_max = 50  # above this the relay is welded or bypassed
    load_after_cut_wait_ms = 1_500  # the meter averages its power over about a second

    # books
    meters_max = 64  # one RS-485 segment with repeaters
    accounts_max = 200  # the packed table of accounts is allocated once at this size

    plausible_slack_s = 300  # clocks and averaging: a register may run ahead of our dating by so much
    uncharged_max_ucu = 1_000_000  # uncharged energy worth more than this is journalled at once
    freeze_wait_s = 3_600  # a day whose freeze does not come is estimated then: meters whose clocks are more off are few
    freeze_retry_ms = 60_000  # and the meter is asked again so soon
    silent_turns_told = 3  # turns without an answer before a meter counts as silent

    # journal and readings on flash
    journal_step_bytes_max = 2_048  # one programming step; also what a snapshot may hold up a credit
    journal_snapshot_blocks = 64  # a snapshot at least after so many blocks: what is older may be reused; a start replays all that is held
    journal_credit_reserve_blocks = 4  # reserve 1 over reserve 2: space that only credits, restores and relay results may use
    snapshot_rows_per_tick = 8  # 8 rows are one step of 1.4 KB
    readings_gap_min = 500  # dropped unsent readings are journalled in pieces of at least so many
    acked_readings_step = 100  # acknowledged readings are journalled so coarsely: the rest may be sent twice

    # uplink
    mqtt_keep_alive_s = 60  # a half-open link is noticed within 1.5 of these
    mqtt_in_flight_max = 8  # QoS 1 window: enough for 100 ms round trips, small enough to resend
    mqtt_packet_max_bytes = 4_096  # larger packets are drained, counted and acknowledged
    reconnect_first_ms = 1_000  # first pause after a lost connection
    reconnect_max_ms = 300_000  # the longest pause: the payment of a customer may be waiting
    uplink_connect_timeout_ms = 15_000  # name, SYN and all addresses together
    mqtt_connack_timeout_ms = 15_000  # CONNECT to CONNACK, and SUBSCRIBE to the last SUBACK
    mqtt_puback_timeout_ms = 20_000  # MQTT 3.1.1 sends again only after a reconnect, so this closes
    mqtt_send_timeout_ms = 20_000  # one packet into a link that takes nothing
    mqtt_backlog_max_bytes = 16_384  # queued for the link; beyond it nothing is published and nothing read
    sync_status_period_ms = 300_000  # up/status when nothing changes
    sync_answer_timeout_ms = 10_000  # status again when its answer does not come, doubling up to the period
    sync_ack_timeout_ms = 30_000  # sent again when the head-end acknowledges nothing, doubling up to the period
    sync_resend_min_ms = 2_000  # resend requests closer together than this are ignored
    sync_batch_max_bytes = 3_000  # records or readings of one message, before wrapping
    sync_ahead_max = 1_024  # records or readings sent beyond what the head-end acknowledged

    # clock
    clock_drift_ppm_max = 100  # a cheap crystal over its temperature range: 9 s a day
    clock_step_s_max = 3_600  # a bigger step of a known clock waits for a second source
    clock_rtc_error_s = 30  # a battery-backed clock between two syncs
    clock_meters_apart_s_max = 600  # meters further from our clock than this contradict it

    # documents and supply
    tariff_versions_max = 64  # in force, future, and those of unsettled days
    policy_versions_max = 16
    meter_clock_error_s_max = 600  # a meter whose clock is further off is not cut
    meter_clock_every_s = 21_600  # each meter is asked for its clock so often: a veto must not wait for a relay order
    meter_clock_doubt_s = 600  # and so often while ours is unknown or waits for a second source
    meter_clock_worth_s = 30  # meters whose clocks are further off are worth a broadcast; ours must be sure to a third of it
    cover_counts_first_s = 3_600  # after a start the meters' covers are the last thing that anybody asks for
    cover_counts_every_s = 86_400
    care_accounts_max = 64  # care customers whose days left are estimated, 90 bytes each; others are visited with the first warning
    supply_retry_s = 60  # a relay whose state is not known is asked again
    supply_retry_slow_s = 3_600  # a relay that does not give supply back is ordered again
    supply_order_s_max = 1_800  # longer than a relay order takes on the bus, the meter's trip delay included
    cuts_remembered_max = 60  # the throttle knows no bigger number of cuts an hour

    # tasks
    task_silence_max_ms = 60_000  # a task that says nothing for so long is stuck: the gateway ends, the board begins anew

    # console
    console_events_kept = 64  # the ring of diagnostics: 26 bytes each
    console_watch_s_max = 3_600  # nobody watches for ever: a forgotten terminal costs the bus its time
    console_stall_ms_max = 10_000  # a reader that takes nothing for so long has gone: its answer is dropped
    maintenance_challenge_ms = 30_000  # a challenge is answered by a tool, not by hand
    maintenance_wrong_pause_ms = 2_000  # after a wrong MAC nothing is tried; doubles each time
    maintenance_wrong_pause_max_ms = 300_000
    maintenance_wait_ms_max = 60_000  # for relay work under way; what it leaves undone the next life finds out

    def __init__(self, **overrides):
        """Raise BadInput naming the field when a name is unknown or a value is not an integer >= 0."""
        for name in sorted(overrides):
            if name not in limit_names():
                raise BadInput(name, "there is no such limit")
            value = overrides[name]
            if type(value) is not int:
                raise BadInput(name, "must be a whole number, got " + repr(value))
            if value < 0:
                raise BadInput(name, "must not be negative, got " + str(value))
            setattr(self, name, value)


def limit_names():
    """Names of all limits, sorted: what settings may override and what diagnostics print."""
    return sorted(name for name in dir(Limits) if type(getattr(Limits, name)) is int)
