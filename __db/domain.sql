-- The hosted mail domains.
CREATE TABLE IF NOT EXISTS domain (
  id     int          NOT NULL AUTO_INCREMENT,
  name   varchar(255) NOT NULL,
  active tinyint(1)   NOT NULL DEFAULT 1,
  PRIMARY KEY (id),
  UNIQUE KEY uq_domain_name (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_uca1400_ai_ci;
