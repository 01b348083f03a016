-- Sessions of the web interface; refresh tokens are stored as hashes.
SET @postern_fk = @@SESSION.foreign_key_checks, SESSION foreign_key_checks = 0;
CREATE TABLE IF NOT EXISTS auth_sessions (
  id                     bigint unsigned                                    NOT NULL AUTO_INCREMENT,
  user_id                bigint unsigned                                    NOT NULL,
  session_family_id      char(36)                                           NOT NULL,
  refresh_token_hash     binary(32)                                         NOT NULL,
  refresh_expires_at     datetime(6)                                        NOT NULL,
  status                 enum('active','rotated','revoked','reuse_detected') NOT NULL DEFAULT 'active',
  created_at             datetime(6)                                        NOT NULL DEFAULT current_timestamp(6),
  revoked_at             datetime(6)                                        DEFAULT NULL,
  replaced_by_session_id bigint unsigned                                    DEFAULT NULL,
  last_used_at           datetime(6)                                        DEFAULT NULL,
  request_ip             varbinary(16)                                      DEFAULT NULL,
  user_agent             varchar(255)                                       DEFAULT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY uq_auth_sessions_refresh (refresh_token_hash),
  KEY idx_auth_sessions_user (user_id, status),
  KEY idx_auth_sessions_family (session_family_id),
  KEY idx_auth_sessions_replaced_by (replaced_by_session_id),
  CONSTRAINT fk_auth_sessions_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
  CONSTRAINT fk_auth_sessions_replaced_by FOREIGN KEY (replaced_by_session_id) REFERENCES auth_sessions (id) ON DELETE SET NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
SET SESSION foreign_key_checks = @postern_fk;
