INSERT INTO domain (name, active) VALUES ('fwd.example', 1);
INSERT INTO api_bans (ban_type, ban_value) VALUES ('domain', 'Spam.example'), ('domain', 'spam.example')
