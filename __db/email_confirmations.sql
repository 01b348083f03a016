-- Subscriptions that wait for confirmation; one pending per address.
CREATE TABLE IF NOT EXISTS email_confirmations (
  id               bigint unsigned                       NOT NULL AUTO_INCREMENT,
  email            varchar(254)                          NOT NULL,
  token_hash       binary(32)                            NOT NULL,
  status           enum('pending','confirmed','expired') NOT NULL DEFAULT 'pending',
  created_at       datetime(6)                           NOT NULL DEFAULT current_timestamp(6),
  expires_at       datetime(6)                           NOT NULL,
  confirmed_at     datetime(6)                           DEFAULT NULL,
  request_ip       varbinary(16)                         DEFAULT NULL,
  user_agent       varchar(255)                          DEFAULT NULL,
  send_count       int unsigned                          NOT NULL DEFAULT 0,
  last_sent_at     datetime(6)                           DEFAULT NULL,
  attempts_confirm int unsigned                          NOT NULL DEFAULT 0,
  intent           varchar(32)                           NOT NULL DEFAULT 'subscribe',
  alias_name       varchar(64)                           DEFAULT NULL,
  alias_domain     varchar(253)                          DEFAULT NULL,
  active_pending   tinyint GENERATED ALWAYS AS (CASE WHEN status = 'pending' THEN 1 END) VIRTUAL,
  PRIMARY KEY (id),
  UNIQUE KEY uq_email_confirmations_hash (token_hash),
  UNIQUE KEY uq_email_confirmations_pending (email, active_pending)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
