-- The newest row of the log that the device has stored, as far as it has said so: in the cursor of a ticket, a poll or a
-- ping. Written a minute late at most; 0 for nothing yet.
ALTER TABLE device ADD COLUMN acknowledged_n BIGINT NOT NULL DEFAULT 0;
