-- What is not held and never will be, and what a gateway says of itself against its own records.

ALTER TABLE gateways ADD COLUMN doubted TEXT;            -- a status that contradicts the records held, as JSON; null when there is none
ALTER TABLE gateways ADD COLUMN doubted_at_s INTEGER;    -- when the first of them came

-- Records and readings that no gateway will send any more. Numbers are passed over here, and named to the operator.
CREATE TABLE gaps (
    gateway_id INTEGER NOT NULL REFERENCES gateways (id),
    what TEXT NOT NULL CHECK (what IN ('records', 'readings')),
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    why TEXT NOT NULL CHECK (why IN ('pruned', 'malformed')),
    at_s INTEGER NOT NULL,
    PRIMARY KEY (gateway_id, what, first)
) WITHOUT ROWID;

-- What was asked for and what came instead, until it is clear that the gateway has no more.
CREATE TABLE offers (
    gateway_id INTEGER NOT NULL REFERENCES gateways (id),
    what TEXT NOT NULL CHECK (what IN ('records', 'readings')),
    wanted INTEGER NOT NULL,                             -- first number that is missing here
    first INTEGER NOT NULL,                              -- where the last answer began
    seen INTEGER NOT NULL,                               -- where the last message began
    answers INTEGER NOT NULL,                            -- how many came
    same INTEGER NOT NULL,                               -- how many of them in a row began at the same number
    at_s INTEGER NOT NULL,                               -- when the last of them came
    PRIMARY KEY (gateway_id, what)
) WITHOUT ROWID;
