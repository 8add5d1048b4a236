-- Format 1. What each column holds and how it is sealed: docs/store.md. SQLite keeps the text of every CREATE, and opening a
-- store compares it with this file, so a statement that was released is never edited.

CREATE TABLE store (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    store_id BLOB NOT NULL,
    erase_pending INTEGER NOT NULL
) STRICT;

CREATE TABLE store_key (
    key_id INTEGER PRIMARY KEY,
    wrapped BLOB NOT NULL,
    key_check BLOB NOT NULL,
    checksum BLOB NOT NULL
) STRICT;

CREATE TABLE account (
    id TEXT NOT NULL UNIQUE,
    lookup BLOB UNIQUE,
    key_id INTEGER NOT NULL REFERENCES store_key (key_id),
    generation INTEGER NOT NULL,
    account_key BLOB NOT NULL,
    identity BLOB NOT NULL,
    person BLOB NOT NULL,
    credentials BLOB NOT NULL
) STRICT;

CREATE TABLE flow (
    lookup BLOB NOT NULL,
    key_id INTEGER NOT NULL REFERENCES store_key (key_id),
    account_id TEXT,
    expires_at INTEGER NOT NULL,
    payload BLOB
) STRICT;

CREATE TABLE approval (
    lookup BLOB NOT NULL,
    key_id INTEGER NOT NULL REFERENCES store_key (key_id),
    payload BLOB NOT NULL
) STRICT;
