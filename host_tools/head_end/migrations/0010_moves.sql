-- Who moved in where, by order 13 to the account that had the meter before.

CREATE TABLE moves (
    next_account INTEGER PRIMARY KEY REFERENCES accounts (account),
    account INTEGER NOT NULL REFERENCES accounts (account),
    number INTEGER NOT NULL                       -- of that order, the last one
);
CREATE INDEX moves_by_account ON moves (account);
