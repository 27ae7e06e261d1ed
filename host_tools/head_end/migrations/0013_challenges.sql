-- The challenges of the last statuses that were answered, the newest last: one that comes again is an old message.
ALTER TABLE gateways ADD COLUMN challenges_answered BLOB NOT NULL DEFAULT x'';
