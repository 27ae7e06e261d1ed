"""sync: MQTT 3.1.1 and the messages with the head-end (SPEC 5). What main.py and gateway.py see of this room:

    from firmware.sync.sync_task import Sync
    sync = Sync(uplink, host, port, gateway_name, key, limits, source, handler, random_bytes, heartbeat, report)
    (orders_only=True: down/orders alone, in a session that the broker does not keep, so that nothing queues before them)
    await sync.run()        # for ever: connect, pump, close, back off, again
    sync.wake()             # something durable is new (record, receipt, reading): sent within milliseconds
    sync.announce()         # send up/status now (standing changed, state taken, brake closed)
    sync.connected          # bool: CONNACK, SUBACKs seen and not closed since
    sync.gate_open          # bool: the head-end compared on this connection and agrees; up/journal flows
    sync.counters           # sync.counters.SyncCounters: .of(code), .as_map() -> {code: value} (status field 13)
    sync.trouble            # one sentence: why the last connection failed; None while connected
    sync.in_flight()        # publishes without a PUBACK of the broker
    sync.last_ack_ms        # now_ms of the last authenticated down/acks, None before the first

`uplink` as in DESIGN (async connect(host, port, timeout_ms) -> Stream). `host` text, numeric or a name. `gateway_name`
text of 1 ... 32 letters, digits, '-' or '_'. `key` 32 bytes. `limits` base/limits. `random_bytes(n) -> bytes`.
`heartbeat()` is called at least every 2 s. `report(code, value)` is called for what a person should know (codes in
sync/counters.py); it must not raise.

`source` (the outbox; synchronous, cheap, never raises for "nothing there"):
    source.positions() -> (acked_sequence, last_sequence, acked_reading, last_reading)      0 = none yet
    source.journal_from(sequence, max_bytes) -> (epoch, first_sequence, chain_before, [record bytes, ...]) or None
        Records of ONE epoch without gap, beginning at `sequence` (or at the oldest still held, if that is later);
        at least one record when there is any, else as many as fit in max_bytes.
    source.readings_from(number, max_bytes) -> [(number, account, at_s, quality, marks, [register or None, ...],
        power_w or None, status_word or None), ...]
        from `number` (or the oldest still held) upwards, 1 ... 5 registers each; [] = none
    source.status() -> {2: epoch, 3: sequence, 4: chain, 5: boot_count, 6: firmware, 7: at_s, 8: quality,
        9: records unacked, 10: readings unacked, 12: standing, 14: dropped readings, 15: brake}
        this room adds 1, 11 and its counters to 13

`handler` (the gateway). Each call returns only when its verdict is DURABLE (programmed and synced); PUBACK follows the
return. A lawful no is a verdict: journal it and return. Refused: no room for a verdict; the message is acknowledged to
the broker without one, counted, and comes again from the head-end's database. StorageFault withholds the PUBACK: the link
is closed and the broker sends again.
    handler.on_credit(account, issuer, number, amount_ucu, total_ucu, at_s)
    handler.on_order(order, account, number, expires_at_s, credit_number, overridden, document)
        document: bytes or None. Text of a tariff or policy; for orders 8, 9, 11 and those in safe mode CBOR, which decode_state(document),
        decode_flags, decode_report, decode_debt and decode_limit of sync/messages.py check and read: main.py hands them to the gateway.
    handler.on_acks(ack)      ack: sync.messages.Ack with
        epoch, sequence, chain (b8), countersign (b8), readings, time_s, comparison, resend_sequence|None,
        resend_readings|None, fresh (bool: carries the challenge last sent, so time_s may be taken), age_ms (since that
        challenge left; 0 when not fresh)
    The resends are done by this room; the handler journals ACKED and judges comparison (1 behind, 2 fork, 3 unknown).

Poison (bad MAC, garbage CBOR, wrong shape, unknown topic, another gateway's topic, too large) never reaches the
handler: it is counted by cause, reported, and acknowledged, so that it never wedges the queue.
"""
