INSERT INTO domain (name, active) VALUES ('fwd.example', 1), ('shop', 1);
INSERT INTO alias (address, goto) VALUES ('bob@fwd.example', 'bob@example.net'), ('admin@fwd.example', 'admin@example.net');
INSERT INTO alias_handle (handle, address) VALUES ('bob', 'other@example.net'), ('example.com', 'x@example.net'), ('shop', 'y@example.net'), ('admin', 'z@example.net'), ('ring', 'gnir@fwd.example'), ('gnir', 'ring@fwd.example'), ('empty', '')
