-- Where the register of an account's meter starts again, in 0.01 kWh, as the model of the meter says; NULL: not known here.

ALTER TABLE accounts ADD COLUMN rollover_cwh INTEGER CHECK (rollover_cwh BETWEEN 1000000 AND 100000000);
