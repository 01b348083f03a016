-- The tables of the guide: keys that cascade, one row per target of an alias.
CREATE TABLE virtual_domains (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name varchar(50) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE virtual_users (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  domain_id int NOT NULL,
  email varchar(100) NOT NULL,
  password varchar(150) NOT NULL,
  UNIQUE KEY email (email),
  FOREIGN KEY (domain_id) REFERENCES virtual_domains (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE virtual_aliases (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  domain_id int NOT NULL,
  source varchar(100) NOT NULL,
  destination varchar(100) NOT NULL,
  FOREIGN KEY (domain_id) REFERENCES virtual_domains (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;

INSERT INTO virtual_domains (id, name) VALUES (1, 'example.org'), (2, 'example.net'), (3, 'plain.test');
INSERT INTO virtual_users (domain_id, email, password) VALUES
  (1, 'john@example.org', CONCAT('{SHA256-CRYPT}', ENCRYPT('summersun', '$5$3f5a7e2b1c9d8a60'))),
  (1, 'kerstin@example.org', CONCAT('{SHA256-CRYPT}', ENCRYPT('wintermoon', '$5$0a9b8c7d6e5f4a3b'))),
  (1, 'o''brien@example.org', '{SHA256-CRYPT}x'),
  (2, 'sales@example.net', '{SHA256-CRYPT}x'),
  (3, 'only@plain.test', '{SHA256-CRYPT}x');
INSERT INTO virtual_aliases (domain_id, source, destination) VALUES
  (1, '@example.org', 'kerstin@example.org'),
  (1, 'jack@example.org', 'john@example.org'),
  (1, 'team@example.org', 'john@example.org'),
  (1, 'team@example.org', 'kerstin@example.org'),
  (1, 'team@example.org', 'partner@far.test'),
  (1, 'away@example.org', 'away@far.test'),
  (2, 'info@example.net', 'sales@example.net'),
  (2, 'postmaster@example.net', 'john@example.org'),
  (2, 'both@example.net', 'both@far.test'),
  (3, 'gone@plain.test', 'nobody@plain.test'),
  (3, 'ring1@plain.test', 'ring2@plain.test'),
  (3, 'ring2@plain.test', 'ring1@plain.test');
