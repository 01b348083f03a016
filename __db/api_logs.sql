-- What was asked of the web API.
SET @postern_fk = @@SESSION.foreign_key_checks, SESSION foreign_key_checks = 0;
CREATE TABLE IF NOT EXISTS api_logs (
  id                    bigint unsigned NOT NULL AUTO_INCREMENT,
  api_token_id          bigint unsigned DEFAULT NULL,
  api_token_owner_email varchar(254)    DEFAULT NULL,
  created_at            datetime(6)     NOT NULL DEFAULT current_timestamp(6),
  route                 varchar(128)    NOT NULL,
  body                  longtext        DEFAULT NULL,
  request_ip            varbinary(16)   DEFAULT NULL,
  user_agent            varchar(255)    DEFAULT NULL,
  PRIMARY KEY (id),
  KEY idx_api_logs_token (api_token_id, created_at),
  KEY idx_api_logs_created (created_at),
  CONSTRAINT fk_api_logs_token FOREIGN KEY (api_token_id) REFERENCES api_tokens (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
SET SESSION foreign_key_checks = @postern_fk;
