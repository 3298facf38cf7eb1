-- What an account says of itself and to whom. `status`: 0 available, 1 busy. `audience`: 0 the people of its conversations,
-- 1 nobody. `last_seen_at`: when it last came or went, written a minute late at most; 0 for not yet.
ALTER TABLE account ADD COLUMN status BIGINT NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN audience BIGINT NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN last_seen_at BIGINT NOT NULL DEFAULT 0;
