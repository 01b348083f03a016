INSERT INTO domain (name, active) VALUES ('example.org', 1);
INSERT INTO alias (address, goto, active) VALUES ('info@example.org', 'boss@example.net', 1), ('jane@example.org', 'jane@example.com', 1);
INSERT INTO api_bans (ban_type, ban_value, reason, created_at) VALUES ('domain', 'banned.test', 'spam trap', '2026-01-01 00:00:00');
