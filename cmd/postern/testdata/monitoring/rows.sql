INSERT INTO domain (name, active) VALUES ('fwd.test', 1);
INSERT INTO alias (address, goto, active) VALUES ('info@fwd.test', 'boss@dest.test', 1);
