INSERT INTO domain (name, active) VALUES ('fwd.example', 1);
INSERT INTO alias_handle (handle, address) VALUES ('info', 'info@example.net'), ('example', 'x@example.net'), ('fwd', 'y@example.net'), ('bob', 'bob@example.net')
