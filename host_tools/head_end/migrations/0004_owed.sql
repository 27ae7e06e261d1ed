-- A gateway whose records were acknowledged further than they are held: this database is older than it, payments wait for them.

ALTER TABLE gateways ADD COLUMN owed INTEGER NOT NULL DEFAULT 0;         -- records acknowledged to the gateway, as its status says
ALTER TABLE gateways ADD COLUMN owed_until_s INTEGER NOT NULL DEFAULT 0; -- and how long payments wait at most
