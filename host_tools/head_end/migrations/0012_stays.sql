-- Where the books of an account are: the gateways that it lived at, one after the other, and which of their records count.

CREATE TABLE stays (
    account INTEGER NOT NULL REFERENCES accounts (account),
    place INTEGER NOT NULL,                              -- 1, 2, ... in their order
    gateway_id INTEGER NOT NULL REFERENCES gateways (id),
    first INTEGER NOT NULL,                              -- its first record there
    last INTEGER NOT NULL DEFAULT 4294967296,            -- and its last; beyond all sequences while it lives there
    PRIMARY KEY (account, place)
) WITHOUT ROWID;
CREATE INDEX stays_by_gateway ON stays (gateway_id, account);

INSERT INTO stays (account, place, gateway_id, first) SELECT account, 1, gateway_id, 0 FROM accounts;

CREATE TRIGGER account_begins AFTER INSERT ON accounts BEGIN
    INSERT INTO stays (account, place, gateway_id, first) VALUES (new.account, 1, new.gateway_id, 0);
END;

CREATE VIEW account_records AS
    SELECT s.place, r.* FROM stays s JOIN records r ON r.account = s.account AND r.gateway_id = s.gateway_id
    AND r.sequence BETWEEN s.first AND s.last;

-- What operators wanted: which gateway an account goes to when order 14 has its verdict, and why.
CREATE TABLE transfers (
    account INTEGER NOT NULL REFERENCES accounts (account),
    number INTEGER NOT NULL,                             -- of that order
    from_gateway_id INTEGER NOT NULL REFERENCES gateways (id),
    to_gateway_id INTEGER NOT NULL REFERENCES gateways (id),
    from_books INTEGER NOT NULL,                         -- 1: without waiting for the verdict
    reason TEXT NOT NULL,
    at_s INTEGER NOT NULL,
    PRIMARY KEY (account, number)
) WITHOUT ROWID;
