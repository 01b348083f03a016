INSERT INTO domain (name, active) VALUES ('b.example', 1), ('c.example', 1), ('unsigned.example', 1), ('off.example', 0)
