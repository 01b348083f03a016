INSERT INTO domain (name, active) VALUES ('mx.example.org', 1)
