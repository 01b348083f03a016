-- The rows of the host, in the order of the tests that use them. Tests that
-- need others insert them and take them away again.

INSERT INTO domain (name, active) VALUES ('fwd.test', 1), ('b.test', 1), ('closed.test', 0);

-- logins; the passwords are secret-of-alice and so on
INSERT INTO smtp_users (username, password, active) VALUES
  ('alice', '{SHA256-CRYPT}$5$fixedsalt$maZbJrFeBgQ3reKyq9TkAygvyvpc6TMwj5jfvAFKgK4', 1),
  ('bob',   '{SHA512-CRYPT}$6$fixedsalt$iybPykkXurTK3BVrdQMxir1d2NxzNsAsp6Px4NlrC0hKTdzzL4y8pZh98LsqHjZvfmq/SoP59vuBX/QD5Ug8G/', 1),
  ('carol', '{SHA256-CRYPT}$5$fixedsalt$yXkcyL/ymxFUpIX3nZpNt7MbwHIVhcF1C7urIEHhQd6', 0);
INSERT INTO smtp_sender_acl (login, sender, active) VALUES
  ('alice', 'alice@fwd.test', 1),
  ('bob',   'bob@b.test', 1),
  ('bob',   'ceo@b.test', 1),
  ('alice', 'team@fwd.test', 1),
  ('bob',   'team@fwd.test', 1);

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
