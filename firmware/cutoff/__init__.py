"""What supply should be, what was wished, what was seen; the policy; the evidence. Pure; imports base only (never ledger).

conditions.py  bits of SPEC 6: MONEY PROTECTED EXEMPT HOLD CARE READING JOURNAL TARIFF ENFORCEABLE POLICY HEAD_END | FRESH HOURS NOTICE
               CLOCK OFFLINE THROTTLE BRAKE SEEN METER_CLOCK; STANDING, TIMING, ALL, NEVER_OVERRIDDEN; `names(failed) -> [text]`.
               Account flags (SPEC 4): FLAG_PROTECTED 1, FLAG_CARE 2, FLAG_EXEMPT 4, FLAG_HOLD 8, FLAG_READING_HELD 16,
               FLAG_ORDERED_ON 32 (set by a restore order below the restore amount, cleared by release or when the episode closes).
facts.py       `Facts(limits)`: one reused object of plain integers; `clear()` = nothing known (nothing known never cuts).
policy.py      `parse_policy(text_or_bytes) -> Policy`: `policy`, `version`, `utc_offset_min`, `notices` = ((level_ucu, period_s,
               channels mask: CHANNEL_HEAD_END 1, ALARM 2, VISIT 4, TEXT 8), ...) from the highest level down, `notice_ucu` (the first
               level), `notice_hours` (None = any), `care_lead_days`, `emergency_ucu`, `calendar` (None = none), `floor_ucu`,
               `restore_ucu`, `hours`, `reading_fresh_s`, `clock_error_max_s`, `throttle_per_hour`, `brake_accounts_max`,
               `brake_share_percent`, `brake_window_s`, `offline_right_s`, `alarm`,
               `unimplemented` (list of field paths; not empty = uncuttable).
               policy_document.py reads the text, and is loaded for that only.
               `PolicyBook(capacity)`: `add(policy) -> CREATED | EXISTS | CONFLICT | FULL`, `newest(policy_id) -> Policy or None`.
decide.py      `decide(facts, policy or None) -> Decision`: `verdict` (NOTHING 0, CUT 1, RESTORE 2, NOT_PERMITTED 3, DELAYED 4,
               WITHDRAWN 5), `reason` (SPEC kind 13), `failed` (bits that do not hold, overridden ones included).
               `floor_ucu(facts, policy)`, `restore_ucu(facts, policy)` of this account.
               `failed_conditions(facts, policy) -> bits`. Journal 3 and 4 when (verdict, failed) changes, not each time.
orders.py      `judge_order(order, number, expires_at_s, credit_number, override, facts, policy, last_number, newest_credit)
               -> Judgement(accepted, reason, failed)`; reason = SPEC kind 16, 0 when accepted. A refused order consumes its number
               too, except NUMBER_USED. An accepted cut: facts.ordered = True and facts.override = its bits until it expires
               (keep the override bits of a cut by order while wish is OFF, or the account is restored; drop
               them when the order expires unused, or the next automatic cut would inherit them).
episode.py     `step(facts, policy) -> action bits`: OPEN 1, CLOSE 2, NOTICE_HEAD_END 4, NOTICE_ALARM 8, ALARM_OFF 16, RISEN 32
               (journal LEVEL with `level_held(facts, policy)`), ORDER_VISIT 64,
               GIVE_EMERGENCY 128, EMERGENCY_REPAID 256, LEFT 512. `counts(channel, outcome, policy, level)`: does this
               NOTICE outcome complete the step of `level`? Only then may it bear that level as delivered. Keep
               facts.notice_asked (masks) until the level is complete, left, or CLOSE; clear a channel's bit when it FAILED, to ask
               again. `missing_ucu(facts, policy)` = what to pay until supply returns.
calendar.py    `is_open(spans, start_s, end_s, utc_offset_min)`; hours.py the same for windows of weekdays.
use.py         `DailyUse(capacity)`: `watch(account)`, `on_total(account, total_charged_ucu, day)` at the first reading of a day and at
               each replayed CHARGE, `days_left_floor(account, above_floor_ucu) -> days or None`.
throttle.py    `Throttle(capacity)`: `may_cut(now_s, per_hour)`, `on_cut(at_s)` (also to replay journalled cuts), `assume_full(now_s)`.
brake.py       `Brake(capacity)`: `on_money(account, due, at_s, policy, accounts) -> True when it closes now` (journal BRAKE),
               `replay(account, at_s)` (journalled DECISIONs with verdict 1, 3, 4; and each row with wish OFF, at its
               wish_at_s), `replay_paid(account)` (EPISODE; DECISION 2 for money), `closed` (set it from BRAKE/SNAPSHOT
               at replay), `release()`, `due_count`.
supply.py      process of one account as a table: `step(state, event) -> (state, actions)`; `initial(wish, wish_at_s, seen, seen_at_s,
               fault)` after a restart (then read the status), `retry_after_s(state, limits, silent)`, `seen_of(status_word, model)`,
               `saw(status_word, model) -> event or None`, `event_of(outcome, model) -> event or None`, `fault_of(outcome)`;
               model needs `needs_button`, `command_bit`. States, events and actions are listed there.
view.py        `money_of(facts, policy) -> OK | LOW | DUE`; `word(money, wish, seen, fault)`: one word for people.
"""
