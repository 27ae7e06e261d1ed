-- Gateways that broke again and again and live on in safe mode: what they report, and what they did with our orders.

CREATE TABLE safe_modes (
    gateway_id INTEGER PRIMARY KEY REFERENCES gateways (id),
    boot_count INTEGER NOT NULL,                  -- of the last report
    nonce BLOB NOT NULL,                          -- of the stay: orders for it bear it
    fault TEXT NOT NULL,                          -- what ended the life before
    broken INTEGER NOT NULL,                      -- lives in a row
    tries INTEGER NOT NULL,                       -- normal lives tried in vain
    left_s INTEGER NOT NULL,                      -- until the next try
    strange INTEGER NOT NULL,                     -- orders that were not of this stay
    since_s INTEGER NOT NULL,
    heard_s INTEGER NOT NULL,
    ended_s INTEGER                               -- NULL: it lasts
);

CREATE TABLE safe_outcomes (
    gateway_id INTEGER NOT NULL REFERENCES gateways (id),
    account INTEGER NOT NULL,                     -- 0 = the gateway
    number INTEGER NOT NULL,
    code INTEGER NOT NULL,
    verdict INTEGER NOT NULL,                     -- verdict and reason as in ORDER, phase to detail as in RELAY
    reason INTEGER NOT NULL,
    phase INTEGER NOT NULL,
    word INTEGER NOT NULL,
    detail INTEGER NOT NULL,
    at_s INTEGER NOT NULL,
    heard_s INTEGER NOT NULL,
    PRIMARY KEY (gateway_id, account, number)
);
