-- Notices to customers: made from records once each, sent by a process of its own.

CREATE TABLE recipients (
    account INTEGER PRIMARY KEY REFERENCES accounts (account),
    address TEXT NOT NULL,                        -- a telephone number, or whatever the sender understands
    language TEXT NOT NULL
);

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,                    -- the crossing, cut, return or payment that it tells of: each has one
    account INTEGER NOT NULL REFERENCES accounts (account),
    gateway_id INTEGER NOT NULL REFERENCES gateways (id),
    sequence INTEGER NOT NULL,                    -- of the record that it was made from
    what TEXT NOT NULL CHECK (what IN ('low', 'stop', 'restore', 'receipt')),
    form TEXT NOT NULL,                           -- name of the sentence in the templates
    event_s INTEGER NOT NULL,
    data TEXT NOT NULL,                           -- amounts and numbers, JSON
    state TEXT NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'sent', 'delivered', 'failed', 'overtaken', 'stale', 'unaddressed')),
    tries INTEGER NOT NULL DEFAULT 0,
    due_at_s INTEGER NOT NULL DEFAULT 0,          -- not before: end of the quiet hours, or the next try
    address TEXT, language TEXT, text TEXT,       -- as sent; each try sends the same
    sent_at_s INTEGER,
    receipt_at_s INTEGER,
    fault TEXT
);
CREATE INDEX outbox_waiting ON outbox (state) WHERE state = 'waiting';
CREATE INDEX outbox_by_account ON outbox (account, what);

-- How far each gateway's records were looked at. What was held before there was an outbox tells nobody anything new.
CREATE TABLE outbox_cursors (
    gateway_id INTEGER PRIMARY KEY REFERENCES gateways (id),
    sequence INTEGER NOT NULL
);
INSERT INTO outbox_cursors SELECT id, sequence FROM gateways;
