-- The meters that an account had before its present one: their segments stay right when it gets another.

CREATE TABLE account_meters (
    account INTEGER NOT NULL REFERENCES accounts (account),
    meter TEXT NOT NULL,
    rollover_cwh INTEGER CHECK (rollover_cwh BETWEEN 1000000 AND 100000000),
    until_s INTEGER NOT NULL,
    PRIMARY KEY (account, meter)
) WITHOUT ROWID;
