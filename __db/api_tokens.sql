-- Tokens of the web API; only their hashes are stored.
CREATE TABLE IF NOT EXISTS api_tokens (
  id             bigint unsigned                    NOT NULL AUTO_INCREMENT,
  owner_email    varchar(254)                       NOT NULL,
  token_hash     binary(32)                         NOT NULL,
  status         enum('active','revoked','expired') NOT NULL DEFAULT 'active',
  created_at     datetime(6)                        NOT NULL DEFAULT current_timestamp(6),
  expires_at     datetime(6)                        DEFAULT NULL,
  revoked_at     datetime(6)                        DEFAULT NULL,
  revoked_reason varchar(500)                       DEFAULT NULL,
  created_ip     varbinary(16)                      DEFAULT NULL,
  user_agent     varchar(255)                       DEFAULT NULL,
  last_used_at   datetime(6)                        DEFAULT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY uq_api_tokens_hash (token_hash),
  KEY idx_api_tokens_owner (owner_email, status)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
