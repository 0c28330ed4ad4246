-- Conventions: *_us is unix time or a duration in microseconds, *_nanousd is money in 10^-9 US dollars,
-- booleans are 0 or 1, ids are UUIDs as lower-case hyphenated text unless a comment says otherwise.

CREATE TABLE users (
    id                  TEXT    NOT NULL PRIMARY KEY,
    name                TEXT    NOT NULL UNIQUE,
    admin               INTEGER NOT NULL,
    disabled            INTEGER NOT NULL DEFAULT 0,
    requests_per_minute INTEGER,
    concurrent          INTEGER,
    created_at_us       INTEGER NOT NULL
) STRICT;

-- A token is looked up by its public id; of the token itself only a hash is kept.
CREATE TABLE tokens (
    public_id           TEXT    NOT NULL PRIMARY KEY, -- 16 characters of base32, see token_text.rs
    user_id             TEXT    NOT NULL REFERENCES users (id),
    name                TEXT    NOT NULL,
    secret_hash         TEXT    NOT NULL,             -- base64 of the SHA-256 of the whole token text
    requests_per_minute INTEGER,
    concurrent          INTEGER,
    models              TEXT    NOT NULL,             -- JSON array of patterns; empty allows every model
    expires_at_us       INTEGER,
    revoked_at_us       INTEGER,
    created_at_us       INTEGER NOT NULL
) STRICT;

CREATE INDEX tokens_by_user ON tokens (user_id);

CREATE TABLE provider_keys (
    id            TEXT    NOT NULL PRIMARY KEY,
    user_id       TEXT    NOT NULL REFERENCES users (id),
    provider      TEXT    NOT NULL,
    label         TEXT    NOT NULL,
    weight        INTEGER NOT NULL DEFAULT 1,
    hint          TEXT    NOT NULL, -- the last characters of the key, for people to tell keys apart
    sealed        TEXT    NOT NULL, -- see sealing.rs
    created_at_us INTEGER NOT NULL,
    UNIQUE (user_id, provider, label)
) STRICT;

-- What other processes must read anew. AUTOINCREMENT so that a number is never used twice.
CREATE TABLE changes (
    seq   INTEGER PRIMARY KEY AUTOINCREMENT,
    kind  TEXT    NOT NULL,
    key   TEXT    NOT NULL,
    at_us INTEGER NOT NULL
) STRICT;

-- One row per run of a process that has begun calls. Past its lease, its unfinished calls may be reconciled.
CREATE TABLE boots (
    boot_id        TEXT    NOT NULL PRIMARY KEY,
    node_id        TEXT    NOT NULL,
    exclusive      INTEGER NOT NULL, -- it held the lock file, so that no other such process ran beside it
    lease_until_us INTEGER NOT NULL
) STRICT;

-- Calls that were begun, one row per group commit. The encoding of a batch is in ledger/intent.rs.
CREATE TABLE intents (
    seq     INTEGER PRIMARY KEY,
    boot_id TEXT NOT NULL,
    batch   BLOB NOT NULL
) STRICT;

-- Calls that ended. Ids are UUIDv7, so that rows are appended and a range of ids is a range of time.
CREATE TABLE calls (
    id            TEXT    NOT NULL PRIMARY KEY,
    started_at_us INTEGER NOT NULL,
    node_id       TEXT    NOT NULL,
    user_id       TEXT    NOT NULL,
    token_id      TEXT    NOT NULL, -- tokens.public_id
    key_id        TEXT,             -- provider_keys.id, or the name of an operator's key
    kind          TEXT    NOT NULL,
    asked_model   TEXT    NOT NULL,
    served_model  TEXT    NOT NULL,
    provider      TEXT    NOT NULL,
    upstream_id   TEXT,
    attempts      INTEGER NOT NULL,
    status        INTEGER NOT NULL, -- the HTTP status given to the client; 0 is none
    end_kind      TEXT    NOT NULL,
    streamed      INTEGER NOT NULL,
    estimated     INTEGER NOT NULL,
    unpriced      INTEGER NOT NULL,
    input_tokens  INTEGER NOT NULL, -- sums over usage_items, so that a report reads one table
    output_tokens INTEGER NOT NULL,
    cost_nanousd  INTEGER NOT NULL,
    price_version TEXT    NOT NULL,
    latency_us    INTEGER NOT NULL,
    ttft_us       INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_items (
    call_id      TEXT    NOT NULL,
    attempt      INTEGER NOT NULL,
    unit         TEXT    NOT NULL,
    quantity     INTEGER NOT NULL,
    cost_nanousd INTEGER NOT NULL,
    PRIMARY KEY (call_id, attempt, unit)
) STRICT, WITHOUT ROWID;
