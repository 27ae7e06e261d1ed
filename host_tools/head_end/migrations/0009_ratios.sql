-- Ratio of the transformers before an account's meter (current times voltage): energy is the difference of the registers times it.

ALTER TABLE accounts ADD COLUMN ratio INTEGER NOT NULL DEFAULT 1 CHECK (ratio BETWEEN 1 AND 60000);

-- Every ratio that was ever told for a meter at an account: its old segments stay right when it gets another.
CREATE TABLE account_ratios (
    account INTEGER NOT NULL REFERENCES accounts (account),
    meter TEXT NOT NULL,
    ratio INTEGER NOT NULL,
    PRIMARY KEY (account, meter, ratio)
) WITHOUT ROWID;

INSERT INTO account_ratios SELECT account, meter, 1 FROM accounts UNION SELECT account, meter, 1 FROM account_meters;
