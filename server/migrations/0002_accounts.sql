-- Accounts, their devices, sessions and key packages. Portable between SQLite and PostgreSQL but for the name of BLOB.

-- The vault is sealed under the OPAQUE export key, which never reaches the server.
CREATE TABLE account (
    id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    -- OPAQUE registration record (RFC 9807 §4): of no use without the key file.
    record BLOB NOT NULL,
    ed25519 BLOB NOT NULL,
    ml_dsa_65 BLOB NOT NULL,
    vault BLOB NOT NULL,
    -- How many devices were registered so far: the certificate of the next one carries one more.
    device_sequence BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE device (
    id BLOB NOT NULL PRIMARY KEY,
    account BLOB NOT NULL REFERENCES account (id),
    certificate BLOB NOT NULL,
    -- Given out when no one-time key package is left.
    last_resort BLOB NOT NULL,
    -- The newest row of the log when the device came: its stream begins after it.
    registered_n BIGINT NOT NULL,
    registered_at BIGINT NOT NULL,
    -- When another took its place.
    revoked_at BIGINT
);
-- One device an account, for now.
CREATE UNIQUE INDEX device_current ON device (account) WHERE revoked_at IS NULL;

CREATE TABLE session (
    id BLOB NOT NULL PRIMARY KEY,
    account BLOB NOT NULL REFERENCES account (id),
    device BLOB REFERENCES device (id),
    -- Counts up whenever a device is bound: access tokens carry it, so that those from before are spent.
    binding BIGINT NOT NULL,
    -- Counts up at each refresh: refresh tokens carry it.
    generation BIGINT NOT NULL,
    rotated_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL
);
CREATE INDEX session_account ON session (account);
CREATE INDEX session_ends_at ON session (ends_at);

-- A package that was given out keeps its digest, so that sent again it is not given out again.
CREATE TABLE key_package (
    device BLOB NOT NULL REFERENCES device (id),
    digest BLOB NOT NULL,
    n BIGINT NOT NULL,
    package BLOB,
    PRIMARY KEY (device, digest)
);
CREATE INDEX key_package_stock ON key_package (device, n) WHERE package IS NOT NULL;

-- Which key file the records and tokens were made with. One row.
CREATE TABLE key_file (
    id BIGINT NOT NULL PRIMARY KEY,
    fingerprint BLOB NOT NULL
);
