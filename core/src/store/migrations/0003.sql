
-- Format 3: where syncs go on. A row lies under the store key of its account and is sealed with that account's own key.

CREATE TABLE cursor (
    account_id TEXT NOT NULL,
    lookup BLOB NOT NULL UNIQUE,
    generation INTEGER NOT NULL,
    payload BLOB NOT NULL
) STRICT;
