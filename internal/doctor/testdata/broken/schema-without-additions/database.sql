ALTER TABLE api_bans DROP COLUMN ban_pattern;
DROP TABLE postern_change
