
-- Format 2: wrapping keys that a provider still has to forget.

CREATE TABLE retired_key (
    wrapped BLOB NOT NULL
) STRICT;
