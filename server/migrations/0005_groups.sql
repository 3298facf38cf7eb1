-- Groups: what their people are, who has accepted, who has left; invites; whom accounts block. Portable as before.

-- `role`: 0 member, 1 admin, 2 owner. `accepted`: 1 when the account has accepted the conversation. `left_n`: the event by
-- which it has left a group whose members have not removed its devices yet; 0 for who is in it.
ALTER TABLE party ADD COLUMN role BIGINT NOT NULL DEFAULT 0;
ALTER TABLE party ADD COLUMN accepted BIGINT NOT NULL DEFAULT 1;
ALTER TABLE party ADD COLUMN left_n BIGINT NOT NULL DEFAULT 0;
-- Found by presence and typing, which ask for these few only.
CREATE INDEX party_not_accepted ON party (conversation, account) WHERE accepted = 0;

-- The event that removed the device from the group, or the largest BIGINT. `last_n` is before it when the account has
-- left: delivery has ended then, but the device is a leaf until somebody removes it.
ALTER TABLE member ADD COLUMN removed_n BIGINT NOT NULL DEFAULT 9223372036854775807;
UPDATE member SET removed_n = last_n;

-- Invites that are not revoked. `access_hash`: SHA-256 of what a joiner shows; `card` is sealed for who holds the secret.
CREATE TABLE invite (
    conversation BLOB NOT NULL REFERENCES conversation (id),
    id BLOB NOT NULL,
    access_hash BLOB NOT NULL,
    card BLOB NOT NULL,
    expires_at BIGINT NOT NULL,
    uses_max BIGINT NOT NULL,
    uses BIGINT NOT NULL,
    PRIMARY KEY (conversation, id)
);

-- Whom an account blocks.
CREATE TABLE block (
    account BLOB NOT NULL,
    blocked BLOB NOT NULL,
    PRIMARY KEY (account, blocked)
);
CREATE INDEX block_by_blocked ON block (blocked, account);
