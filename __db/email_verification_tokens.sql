-- Links that prove a user's address; only their hashes are stored.
SET @postern_fk = @@SESSION.foreign_key_checks, SESSION foreign_key_checks = 0;
CREATE TABLE IF NOT EXISTS email_verification_tokens (
  id               bigint unsigned NOT NULL AUTO_INCREMENT,
  user_id          bigint unsigned NOT NULL,
  token_hash       binary(32)      NOT NULL,
  created_at       datetime(6)     NOT NULL DEFAULT current_timestamp(6),
  expires_at       datetime(6)     NOT NULL,
  used_at          datetime(6)     DEFAULT NULL,
  request_ip       varbinary(16)   DEFAULT NULL,
  user_agent       varchar(255)    DEFAULT NULL,
  send_count       int unsigned    NOT NULL DEFAULT 0,
  last_sent_at     datetime(6)     DEFAULT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY uq_email_verification_tokens_hash (token_hash),
  KEY idx_email_verification_tokens_user (user_id, expires_at),
  CONSTRAINT fk_email_verification_tokens_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
SET SESSION foreign_key_checks = @postern_fk;
