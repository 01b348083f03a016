INSERT INTO domain (name, active) VALUES ('srs.example.org', 1)
