-- The books of the head-end, first form. Money in ucu, energy in cwh, times in unix seconds (SPEC, units).

CREATE TABLE head_end (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    name TEXT NOT NULL,               -- MQTT client identifier of this database
    countersign_key BLOB NOT NULL CHECK (length(countersign_key) = 32)
);

CREATE TABLE gateways (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    key BLOB NOT NULL CHECK (length(key) = 32),
    epoch INTEGER NOT NULL DEFAULT 0,
    sequence INTEGER NOT NULL DEFAULT 0,          -- highest record held, no gap below it
    chain BLOB NOT NULL DEFAULT x'0000000000000000',
    readings_held INTEGER NOT NULL DEFAULT 0,     -- highest reading held, no gap below it that is not named
    comparison INTEGER NOT NULL DEFAULT 0,        -- SPEC 5.5 field 8
    given_epoch INTEGER NOT NULL DEFAULT 0,       -- epoch given with the last signed state
    given_first INTEGER NOT NULL DEFAULT 0,       -- its first sequence
    online INTEGER,
    status TEXT,                                  -- last status as JSON
    status_at_s INTEGER,
    challenge BLOB
);

CREATE TABLE accounts (
    account INTEGER PRIMARY KEY CHECK (account BETWEEN 1 AND 4294967294),
    gateway_id INTEGER NOT NULL REFERENCES gateways (id),
    name TEXT NOT NULL DEFAULT '',
    meter TEXT NOT NULL,                          -- twelve digits as printed
    tariff INTEGER NOT NULL,
    policy INTEGER NOT NULL,
    flags INTEGER NOT NULL DEFAULT 0              -- SPEC 4
);

CREATE TABLE records (
    gateway_id INTEGER NOT NULL REFERENCES gateways (id),
    sequence INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    name TEXT NOT NULL,
    account INTEGER,
    at_s INTEGER NOT NULL,
    quality INTEGER NOT NULL,
    chain BLOB NOT NULL,
    raw BLOB NOT NULL,
    fields TEXT NOT NULL,                         -- decoded, JSON
    received_s INTEGER NOT NULL,
    PRIMARY KEY (gateway_id, sequence)
) WITHOUT ROWID;
CREATE INDEX records_by_account ON records (account, gateway_id, sequence);
CREATE INDEX records_by_kind ON records (kind, gateway_id, sequence);

CREATE TABLE credits (
    account INTEGER NOT NULL REFERENCES accounts (account),
    issuer INTEGER NOT NULL,
    number INTEGER NOT NULL,
    amount_ucu INTEGER NOT NULL,
    total_ucu INTEGER NOT NULL,
    reference TEXT NOT NULL UNIQUE,
    at_s INTEGER NOT NULL,
    receipt TEXT NOT NULL DEFAULT 'pending' CHECK (receipt IN ('pending', 'applied', 'refused')),
    receipt_sequence INTEGER,
    receipt_reason INTEGER,
    PRIMARY KEY (account, issuer, number)
);
CREATE INDEX credits_pending ON credits (receipt) WHERE receipt = 'pending';

CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    gateway_id INTEGER NOT NULL REFERENCES gateways (id),
    account INTEGER NOT NULL,                     -- 0 = the gateway
    number INTEGER NOT NULL,
    code INTEGER NOT NULL,
    expires_at_s INTEGER NOT NULL,
    credit_number INTEGER NOT NULL,
    overridden INTEGER NOT NULL DEFAULT 0,
    document BLOB,
    at_s INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending'
        CHECK (state IN ('pending', 'accepted', 'refused', 'expired', 'overtaken')),
    reason INTEGER,
    failed INTEGER,
    record_sequence INTEGER,
    UNIQUE (gateway_id, account, number)
);
CREATE INDEX orders_pending ON orders (state) WHERE state = 'pending';

CREATE TABLE documents (
    what INTEGER NOT NULL CHECK (what IN (1, 2)), -- 1 tariff, 2 policy
    id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    effective TEXT,
    digest BLOB NOT NULL,
    text BLOB NOT NULL,
    at_s INTEGER NOT NULL,
    PRIMARY KEY (what, id, version)
);

CREATE TABLE deliveries (
    gateway_id INTEGER NOT NULL REFERENCES gateways (id),
    what INTEGER NOT NULL,
    id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('accepted', 'refused')),
    reason INTEGER,
    record_sequence INTEGER,
    PRIMARY KEY (gateway_id, what, id, version),
    FOREIGN KEY (what, id, version) REFERENCES documents (what, id, version)
);

CREATE TABLE readings (
    gateway_id INTEGER NOT NULL REFERENCES gateways (id),
    number INTEGER NOT NULL,
    account INTEGER NOT NULL,
    at_s INTEGER NOT NULL,
    quality INTEGER NOT NULL,
    marks INTEGER NOT NULL,
    total_cwh INTEGER, rate1_cwh INTEGER, rate2_cwh INTEGER, rate3_cwh INTEGER, rate4_cwh INTEGER,
    power_w INTEGER,
    status_word INTEGER,
    received_s INTEGER NOT NULL,
    PRIMARY KEY (gateway_id, number)
) WITHOUT ROWID;
CREATE INDEX readings_by_account ON readings (account, at_s);

-- Every countersignature that left this head-end, so that "was this record already seen then" has an answer.
CREATE TABLE acknowledgements (
    gateway_id INTEGER NOT NULL REFERENCES gateways (id),
    sequence INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    chain BLOB NOT NULL,
    countersign BLOB NOT NULL,
    at_s INTEGER NOT NULL,
    PRIMARY KEY (gateway_id, sequence)
) WITHOUT ROWID;

CREATE TABLE counters (
    gateway TEXT NOT NULL,
    name TEXT NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (gateway, name)
) WITHOUT ROWID;

-- What an operator must see: forks, messages that do not verify, credits that differ. Bounded by the writer.
CREATE TABLE reports (
    id INTEGER PRIMARY KEY,
    gateway TEXT NOT NULL,
    at_s INTEGER NOT NULL,
    what TEXT NOT NULL,
    sentence TEXT NOT NULL
);

CREATE VIEW payments AS
    SELECT reference, account, amount_ucu, at_s, issuer, number, receipt FROM credits WHERE amount_ucu > 0;

CREATE VIEW notices AS
    SELECT account, gateway_id, sequence, at_s, json_extract(fields, '$.episode') AS episode,
           json_extract(fields, '$.level') AS level, json_extract(fields, '$.channel') AS channel,
           json_extract(fields, '$.outcome') AS outcome, json_extract(fields, '$.available_ucu') AS available_ucu,
           json_extract(fields, '$.restore_ucu') AS restore_ucu
    FROM records WHERE kind = 12;
