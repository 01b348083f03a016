-- Accounts of the web interface.
CREATE TABLE IF NOT EXISTS users (
  id                  bigint unsigned NOT NULL AUTO_INCREMENT,
  username            varchar(64)     NOT NULL,
  email               varchar(254)    NOT NULL,
  password_hash       varchar(255)    NOT NULL,
  email_verified_at   datetime(6)     DEFAULT NULL,
  is_active           tinyint(1)      NOT NULL DEFAULT 1,
  is_admin            tinyint(1)      NOT NULL DEFAULT 0,
  password_changed_at datetime(6)     DEFAULT NULL,
  created_at          datetime(6)     NOT NULL DEFAULT current_timestamp(6),
  updated_at          datetime(6)     NOT NULL DEFAULT current_timestamp(6) ON UPDATE current_timestamp(6),
  last_login_at       datetime(6)     DEFAULT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY uq_users_username (username),
  UNIQUE KEY uq_users_email (email)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
