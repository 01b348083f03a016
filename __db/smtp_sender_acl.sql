-- Which login may send as which sender; one sender may have several logins.
CREATE TABLE IF NOT EXISTS smtp_sender_acl (
  id     int          NOT NULL AUTO_INCREMENT,
  login  varchar(320) NOT NULL,
  sender varchar(320) NOT NULL,
  active tinyint(1)   NOT NULL DEFAULT 1,
  PRIMARY KEY (id),
  UNIQUE KEY uq_login_sender (login, sender)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_uca1400_ai_ci;
