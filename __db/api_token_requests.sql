-- Requests for a token that wait for confirmation; one pending per address.
CREATE TABLE IF NOT EXISTS api_token_requests (
  id               bigint unsigned                       NOT NULL AUTO_INCREMENT,
  email            varchar(254)                          NOT NULL,
  token_hash       binary(32)                            NOT NULL,
  status           enum('pending','confirmed','expired') NOT NULL DEFAULT 'pending',
  days             int unsigned                          NOT NULL,
  created_at       datetime(6)                           NOT NULL DEFAULT current_timestamp(6),
  expires_at       datetime(6)                           NOT NULL,
  confirmed_at     datetime(6)                           DEFAULT NULL,
  request_ip       varbinary(16)                         DEFAULT NULL,
  user_agent       varchar(255)                          DEFAULT NULL,
  send_count       int unsigned                          NOT NULL DEFAULT 0,
  last_sent_at     datetime(6)                           DEFAULT NULL,
  attempts_confirm int unsigned                          NOT NULL DEFAULT 0,
  active_pending   tinyint GENERATED ALWAYS AS (CASE WHEN status = 'pending' THEN 1 END) VIRTUAL,
  PRIMARY KEY (id),
  UNIQUE KEY uq_api_token_requests_hash (token_hash),
  UNIQUE KEY uq_api_token_requests_pending (email, active_pending)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
