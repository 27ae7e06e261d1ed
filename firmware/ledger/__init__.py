"""ledger: the journal on flash, the accounts folded from it, the outbox cursor, the readings ring (design section 4; SPEC 1-4).

The composition that gateway.py and main.py use (store: synchronous; raises StorageFault when the medium fails):

    from firmware.ledger.ledger_store import Ledger
    from firmware.ledger import record_kinds as kinds
    ledger = Ledger(region, journal_bytes, limits, clock_fn)    # journal = region[0:journal_bytes], readings = the rest
                                                                # clock_fn() -> (at_s, quality)
    ledger.open(boot_count, firmware, observe=None, progress=..)# replay; writes EPOCH 1 in a first life. observe(kind, values,
                                                                # sequence, at_s, quality) sees each replayed record (throttle, brake);
                                                                # progress() is called after each piece of bounded work
    ledger.record(kinds.CHARGE, values, klass=None) -> sequence # append + fold into accounts in memory; NOT durable yet.
                                                                # values: tuple in SPEC 2 order (registers and row flat: see below)
                                                                # Refused("full") when the class may not have the space
    ledger.may_record(klass) -> bool                            # ask before a chain of records: ORDINARY, CREDIT_CLASS or BOOKS
    ledger.commit()                                             # programmed and synced: only now acknowledge or act
    ledger.on_tick() -> bool                                    # snapshot rows, erase ahead, readings gap: a bounded piece; True = did work
    ledger.sound            # bool: False stops cuts (corruption, unknown kinds, snapshot that disagrees, failed medium)
    ledger.troubles         # what is wrong, a tuple of short words, () when sound
    ledger.epoch  ledger.sequence  ledger.chain                 # of the last DURABLE record
    ledger.compare(epoch, sequence, chain) -> AGREES | BEHIND | FORK | UNKNOWN   (ledger_store constants; UNKNOWN = pruned here)
    ledger.acked(epoch, sequence, chain, countersign, readings) -> bool    # on down/acks: journals ACKED when it moves (own commit)
    ledger.import_state(new_epoch, first_sequence, rows)        # order 8: EPOCH + snapshot of `rows` (row bytes), committed
    ledger.add_reading(account, at_s, quality, marks, registers, power_w, status_word) -> number
                                                                # None = no value; durable and shown after commit()
    ledger.accounts  ledger.journal  ledger.readings  ledger.outbox

    accounts (pure, accounts.py): rows are 0 ... accounts.count-1, stable for the life of the process
        accounts.row_of(account) -> row or -1       accounts.count, accounts.capacity
        accounts.get(row, "field")                  fields: account_row.ROW.fields (SPEC 4; from_0 ... from_4, charged_0 ... charged_4,
                                                    issuer_0, number_0, total_0 ...); accounts.account(row)
        accounts.balance_ucu(row)                   accounts.charged_cwh(row, rate)     accounts.from_cwh(row, rate)
        accounts.ratio_of(row) -> ratio of the transformers in its segment
        accounts.row_bytes(row) -> bytes            accounts.gateway_order (numbers of account 0)    accounts.brake (bool)
        accounts.credit_verdict(account, issuer, number, amount_ucu, total_ucu) -> (verdict, reason)
            verdict CREATED | EXISTS | CONFLICT (a refusal: record CREDIT_REFUSED with `reason`, SPEC 2 kind 8); accounts.py constants
        accounts.newest_credit(row, issuer) -> number, 0 = none

    Fold rules that gateway.py relies on:
        SEGMENT creates or rebinds: charged = from registers, charged_at_s = the record's time, ratio 1, held flag cleared; its longer
            form tells ratio and time.
        CHARGE sets charged_<rate> and charged_at_s when its serial is the row's (not for cause 6, fixed fee), total_charged always.
        MOVED takes the meter from its account, whose row names the next one in accounts.followers.
        HELD why 1-4 sets flag bit 4; why 0 clears it and moves charged_<rate> to register_cwh.
        VISIT moves flag bits 6 and 7, EMERGENCY sets 8 and 9, LEVEL lowers notice_level; EPISODE clears all of it.
        EXEMPT keeps accounts.exempt_until, which no row and no snapshot holds: keep it in the journal by writing it
            again when snapshot.whole has passed its record.
        DEBT keeps accounts.debts in the same way; a CREDIT to such an account stands in accounts.unrecovered until its RECOVERY, which
            moves the total of issuer 65535. CREDIT_LIMIT keeps accounts.credit_limits, which stand behind the rows of a snapshot.
        NOTICE moves notice_level / notice_at_s only when outcome is 2 (delivered) and level is higher than the row's: write level 0
            for a notice that does not complete the step (another channel, only given).   EPISODE resets both.
        DECISION verdict 1 -> wish OFF; 2 and 5 -> wish ON; 3 and 4 change nothing.
        RELAY action 3 or 4 in phase 1 (ordered) sets / clears `alarm`.   SEEN sets seen.   FAULT sets fault.
        ORDER raises `order` (account 0: accounts.gateway_order).   FLAGS replaces all flags but bit 4 (HELD's).

    Classes of space (design 4.11): ORDINARY stops below reserve 1 (charges, notices, cuts, documents, events), CREDIT_CLASS below
    reserve 2 (credits, refusals, restores, relay, seen, orders), BOOKS may use the last blocks (ACKED, EPOCH, BRAKE, snapshot).
    The class follows from the kind (record_kinds.class_of); give klass only to differ.

    outbox (pure, outbox.py): the `source` of sync, but for status(), which gateway.py adds:
        outbox.positions() -> (acked_sequence, last_sequence, acked_reading, last_reading)      durable ones only
        outbox.journal_from(sequence, max_bytes) -> (epoch, first_sequence, chain_before, [record bytes, ...]) or None
        outbox.readings_from(number, max_bytes) -> [(number, account, at_s, quality, marks, registers, power_w, status_word), ...]

    readings (readings_store.py): .last_number (durable), .oldest_number, .dropped (unsent readings lost to space, this life)

    journal (journal_store.py): .sound, .damage [(kind, first, last)], .torn, .mended, .unknown_kinds, .free_blocks,
        .chain_at(sequence) -> b8 or None, .erases() -> list
"""
