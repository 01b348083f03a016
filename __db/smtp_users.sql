-- Submission logins; password carries Dovecot's scheme prefix, e.g. {SHA256-CRYPT}.
CREATE TABLE IF NOT EXISTS smtp_users (
  id         int          NOT NULL AUTO_INCREMENT,
  username   varchar(320) NOT NULL,
  password   varchar(255) NOT NULL,
  active     tinyint(1)   NOT NULL DEFAULT 1,
  created_at timestamp    NOT NULL DEFAULT current_timestamp(),
  PRIMARY KEY (id),
  UNIQUE KEY uq_smtp_users_username (username)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_uca1400_ai_ci;
