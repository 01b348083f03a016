-- Handles: handle@ any hosted domain is mail for address.
CREATE TABLE IF NOT EXISTS alias_handle (
  id      bigint unsigned NOT NULL AUTO_INCREMENT,
  handle  varchar(128)    NOT NULL,
  address varchar(255)    DEFAULT NULL,
  active  tinyint(1)      NOT NULL DEFAULT 1,
  PRIMARY KEY (id),
  UNIQUE KEY uq_handle (handle)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_uca1400_ai_ci;
