-- The rows of the host, in the order of the tests that use them. Tests that
-- need others insert them and take them away again.

INSERT INTO domain (name, active) VALUES ('fwd.test', 1), ('b.test', 1), ('closed.test', 0);

-- logins; the passwords are secret-of-alice and so on
INSERT INTO smtp_users (username, password, active) VALUES
  ('alice', '{SHA256-CRYPT}$5$fixedsalt$maZbJrFeBgQ3reKyq9TkAygvyvpc6TMwj5jfvAFKgK4', 1),
  ('bob',   '{SHA512-CRYPT}$6$fixedsalt$iybPykkXurTK3BVrdQMxir1d2NxzNsAsp6Px4NlrC0hKTdzzL4y8pZh98LsqHjZvfmq/SoP59vuBX/QD5Ug8G/', 1),
  ('dave',  '{PLAIN}secret-of-dave', 1),
  ('carol', '{SHA256-CRYPT}$5$fixedsalt$yXkcyL/ymxFUpIX3nZpNt7MbwHIVhcF1C7urIEHhQd6', 0);
INSERT INTO smtp_sender_acl (login, sender, active) VALUES
  ('alice', 'alice@fwd.test', 1),
  ('bob',   'bob@b.test', 1),
  ('bob',   'ceo@b.test', 1),
  ('alice', 'team@fwd.test', 1),
  ('bob',   'team@fwd.test', 1),
  ('dave',  '@b.test', 1);

-- the verification list
INSERT INTO alias (address, goto) VALUES
  ('hello@fwd.test',    'hello@dest.test'),
  ('alice@fwd.test',    'alice-home@dest.test'),
  ('accepted@fwd.test', 'accepted@dest.test'),
  ('srs@fwd.test',      'srs@dest.test'),
  ('spf@fwd.test',      'spf@dest.test'),
  ('switched@closed.test', 'switched@dest.test');
INSERT INTO alias (address, goto, active) VALUES
  ('inactive@fwd.test', 'inactive@dest.test', 0);
INSERT INTO alias_handle (handle, address, active) VALUES
  ('sales',    'sales-home@dest.test', 1),
  ('inactive', 'inactive-handle@dest.test', 0);
-- rows that would capture submitted mail on its way to others
INSERT INTO alias (address, goto) VALUES ('friend@outside.test', 'captured@dest.test');
INSERT INTO alias_handle (handle, address, active) VALUES
  ('friend', 'captured-by-handle@dest.test', 1),
  ('*', 'captured-by-star@dest.test', 1),
  ('%', 'captured-by-percent@dest.test', 1),
  ('@outside.test', 'captured-by-domain@dest.test', 1),
  ('outside.test', 'captured-by-name@dest.test', 1),
  ('test', 'captured-by-tld@dest.test', 1);
INSERT INTO alias (address, goto) VALUES ('@outside.test', 'captured-by-catch-all@dest.test');

-- doors: rows that opened a relay or captured mail elsewhere. Those named
-- outside.test, test, * and % above belong to these, too.
INSERT INTO alias_handle (handle, address, active) VALUES
  ('void', NULL, 1), ('empty', '', 1), ('blank', ' ', 1),
  ('jose', 'jose-home@dest.test', 1),
  ('both', 'both-by-handle@dest.test', 1),
  ('jürgen', 'juergen-home@dest.test', 1),
  ('ring1', 'ring2@fwd.test', 1), ('ring2', 'ring1@fwd.test', 1),
  ('selfish', 'selfish@fwd.test', 1),
  ('postmaster', 'captured-postmaster@dest.test', 1), ('admin', 'captured-admin@dest.test', 1),
  ('administrator', 'captured-administrator@dest.test', 1), ('hostmaster', 'captured-hostmaster@dest.test', 1),
  ('webmaster', 'captured-webmaster@dest.test', 1), ('abuse', 'captured-abuse@dest.test', 1),
  ('mailer-daemon', 'captured-daemon@dest.test', 1), ('root', 'captured-root@dest.test', 1);
INSERT INTO alias (address, goto) VALUES
  ('both@fwd.test',     'both-by-alias@dest.test'),
  ('to-sales@fwd.test', 'sales@outside.test'),
  ('nowhere@fwd.test',  ''),
  ('blanks@fwd.test',   '  '),
  ('admin@b.test',      'admin-of-b@dest.test'),
  ('submitted-in@fwd.test', 'submitted-in@dest.test'),
  ('wide@fwd.test',     'wide@dest.test'),
  ('many@fwd.test',     'many@dest.test'),
  ('bounce@fwd.test',   'bounce@dest.test'),
  ('gone@fwd.test',     'private-mailbox@dest.test'),
  ('calm@fwd.test',     'calm@dest.test'),
  ('lists@fwd.test',    'lists@dest.test');

-- bans: times are UTC
INSERT INTO api_bans (ban_type, ban_value, reason, expires_at, revoked_at) VALUES
  ('domain', 'banned.test',  'spam trap', NULL, NULL),
  ('domain', 'soon.test',    'for an hour', UTC_TIMESTAMP(6) + INTERVAL 1 HOUR, NULL),
  ('domain', 'was.test',     'until an hour ago', UTC_TIMESTAMP(6) - INTERVAL 1 HOUR, NULL),
  ('email',  'banned-mail@fwd.test', 'this one', NULL, NULL),
  ('domain', 'revoked.test', 'by mistake', NULL, UTC_TIMESTAMP(6));
INSERT INTO alias (address, goto) VALUES
  ('to-banned@fwd.test',  'x@banned.test'),
  ('to-below@fwd.test',   'x@deep.below.banned.test'),
  ('to-soon@fwd.test',    'x@soon.test'),
  ('banned-mail@fwd.test', 'fine@dest.test'),
  ('to-was@fwd.test',     'was-banned@was.test'),
  ('to-revoked@fwd.test', 'was-banned@revoked.test');
