INSERT INTO domain (name, active) VALUES
	('forward.example', 1), ('second.example', 1), ('parked.example', 0);
INSERT INTO alias (address, goto, active) VALUES
	('info@forward.example', 'owner@dest.example', 1),
	('team@forward.example', 'alice@dest.example,bob@dest.example', 1),
	('@second.example', 'everything@dest.example', 1);
INSERT INTO alias_handle (handle, address, active) VALUES
	('alice', 'alice@dest.example', 1),
	('bob', 'bob@dest.example', 1);
INSERT INTO smtp_sender_acl (login, sender, active) VALUES
	('alice', 'alice@forward.example', 1),
	('alice', 'team@forward.example', 1),
	('bob', 'team@forward.example', 1);
INSERT INTO api_bans (ban_type, ban_value, reason, created_at) VALUES
	('domain', 'banned.example', 'throw-away addresses', '2026-01-01 00:00:00');
