-- The log, its number, and the conversations that it belongs to. One text for SQLite and PostgreSQL: BIGINT, TEXT, BLOB.

-- One row. `head` is the newest number of the log, given out inside the appending transaction, so that the order of
-- numbers is the order of commits. Up to `horizon` the log may have been thinned by retention. `secret` binds cursors
-- to this deployment.
CREATE TABLE deployment (
    id BIGINT NOT NULL PRIMARY KEY,
    secret BLOB NOT NULL,
    head BIGINT NOT NULL,
    horizon BIGINT NOT NULL
);

-- All durable events. `stream` is a conversation (its 16-byte id) or a device (the letter d and its 16-byte id).
-- `kind`: 0 conversation created (for the server only), 1 message, 2 commit, 3 welcome (its body is in `welcome`).
CREATE TABLE log (
    n BIGINT NOT NULL PRIMARY KEY,
    stream BLOB NOT NULL,
    kind BIGINT NOT NULL,
    conversation BLOB NOT NULL,
    sender_account BLOB NOT NULL,
    sender_device BLOB NOT NULL,
    client_id BLOB NOT NULL,
    epoch BIGINT NOT NULL,
    body BLOB NOT NULL,
    sent_at BIGINT NOT NULL
);
CREATE INDEX log_by_stream ON log (stream, n);
CREATE UNIQUE INDEX log_by_command ON log (stream, sender_device, client_id);

-- `pair` makes direct conversations and notes unique: d and both accounts in order, or n and the account.
CREATE TABLE conversation (
    id BLOB NOT NULL PRIMARY KEY,
    pair BLOB UNIQUE,
    epoch BIGINT NOT NULL,
    commit_n BIGINT NOT NULL
);

-- The people of a conversation.
CREATE TABLE party (
    conversation BLOB NOT NULL REFERENCES conversation (id),
    account BLOB NOT NULL,
    PRIMARY KEY (conversation, account)
);
CREATE INDEX party_by_account ON party (account, conversation);

-- For how long a device was, or is, a leaf of a group: it joined by event `joined_n` and gets the events `first_n` to
-- `last_n`, which is the event that removed it, or the largest BIGINT as long as it is a member.
CREATE TABLE member (
    conversation BLOB NOT NULL REFERENCES conversation (id),
    device BLOB NOT NULL,
    account BLOB NOT NULL,
    joined_n BIGINT NOT NULL,
    first_n BIGINT NOT NULL,
    last_n BIGINT NOT NULL,
    PRIMARY KEY (conversation, device, joined_n)
);
CREATE INDEX member_by_device ON member (device, last_n);

-- The newest few states of each group; `n` is the event that led to it.
CREATE TABLE group_state (
    conversation BLOB NOT NULL REFERENCES conversation (id),
    epoch BIGINT NOT NULL,
    n BIGINT NOT NULL,
    group_info BLOB NOT NULL,
    ratchet_tree BLOB NOT NULL,
    PRIMARY KEY (conversation, epoch)
);

-- One Welcome for all whom a commit adds; their log rows refer to it, and `n` is the last of these.
CREATE TABLE welcome (
    conversation BLOB NOT NULL REFERENCES conversation (id),
    epoch BIGINT NOT NULL,
    n BIGINT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (conversation, epoch)
);
CREATE INDEX welcome_by_number ON welcome (n);
