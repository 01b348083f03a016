INSERT INTO domain (name, active) VALUES ('fwd.example', 1), ('all.example', 1);
INSERT INTO alias (address, goto) VALUES ('@all.example', 'x@example.net');
INSERT INTO smtp_sender_acl (login, sender) VALUES ('alice', 'noreply@fwd.example'), ('bob', 'bob@all.example'), ('carol', '@fwd.example'), ('dave', 'admin@fwd.example');
INSERT INTO alias_handle (handle, address) VALUES ('admin', 'dave@example.net')
