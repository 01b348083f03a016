CREATE TABLE virtual_domains (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name varchar(100) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE virtual_users (
  email varchar(190) NOT NULL PRIMARY KEY,
  maildir varchar(190) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE virtual_aliases (
  source varchar(190) NOT NULL,
  destination varchar(190) NOT NULL,
  KEY (source)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO virtual_domains (name) VALUES ('example.net'), ('example.org');
INSERT INTO virtual_users VALUES ('hostmaster@example.net', 'example.net/hostmaster/'), ('john@example.org', 'example.org/john/'),
  ('@example.net', 'example.net/all/');
INSERT INTO virtual_aliases VALUES ('info@example.org', 'john@example.org'), ('info@example.org', 'out@far.test'),
  ('webmaster@example.net', 'hostmaster@example.net');
