-- Who may sign what one person must not do alone, and the brake over all gateways.

CREATE TABLE operators (
    name TEXT PRIMARY KEY,
    public_key BLOB NOT NULL UNIQUE CHECK (length(public_key) = 32),  -- Ed25519
    at_s INTEGER NOT NULL
);

CREATE TABLE signatures (
    operator TEXT NOT NULL REFERENCES operators (name),
    text BLOB NOT NULL,                           -- what was signed, whole
    signature BLOB NOT NULL,
    at_s INTEGER NOT NULL,
    PRIMARY KEY (operator, text)
);

CREATE TABLE fleet_brake (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    accounts_max INTEGER NOT NULL,
    share_percent INTEGER NOT NULL,
    window_s INTEGER NOT NULL,
    since_s INTEGER NOT NULL DEFAULT 0,           -- of the last release: what was before it was looked at
    closed_at_s INTEGER,                          -- NULL: open
    due INTEGER,                                  -- accounts that closed it
    nonce TEXT                                    -- what the release signs
);
INSERT INTO fleet_brake (only, accounts_max, share_percent, window_s) VALUES (1, 20, 10, 86400);

CREATE INDEX decisions_by_time ON records (received_s) WHERE kind = 13;
