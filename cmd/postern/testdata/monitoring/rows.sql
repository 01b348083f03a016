INSERT INTO domain (name, active) VALUES ('fwd.test', 1);
INSERT INTO alias (address, goto, active) VALUES ('info@fwd.test', 'boss@dest.test', 1);
INSERT INTO api_bans (ban_type, ban_value, reason, created_at) VALUES ('domain', 'banned.test', 'spam trap', '2026-01-01 00:00:00');
