-- Every tariff that an account ever had: its old charges stay right when it gets another.

CREATE TABLE account_tariffs (
    account INTEGER NOT NULL REFERENCES accounts (account),
    tariff INTEGER NOT NULL,
    PRIMARY KEY (account, tariff)
) WITHOUT ROWID;

INSERT INTO account_tariffs SELECT account, tariff FROM accounts;
