-- Bans. A row is in force while revoked_at is NULL and expires_at is NULL or
-- ahead (UTC, YYYY-MM-DD HH:MM:SS with an optional fraction).
CREATE TABLE IF NOT EXISTS api_bans (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  ban_type TEXT NOT NULL CHECK (ban_type IN ('email', 'domain', 'ip', 'name')),
  ban_value TEXT NOT NULL COLLATE NOCASE,
  reason TEXT,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
  expires_at TEXT,
  revoked_at TEXT,
  revoked_reason TEXT,
  ban_pattern TEXT GENERATED ALWAYS AS (CASE WHEN ban_type = 'domain' THEN '%.' || ban_value END) VIRTUAL,
  UNIQUE (ban_type, ban_value, revoked_at)
);
CREATE INDEX IF NOT EXISTS idx_ban_value ON api_bans (ban_value);

-- NOCASE folds ASCII only; the few rows with other letters are found by this.
CREATE INDEX IF NOT EXISTS idx_api_bans_ban_value_non_ascii ON api_bans (ban_value) WHERE ban_value GLOB '*[^ -~]*';

CREATE TRIGGER IF NOT EXISTS postern_api_bans_insert AFTER INSERT ON api_bans BEGIN
  INSERT INTO postern_change (tbl, k) VALUES ('api_bans', NEW.ban_type || ':' || NEW.ban_value);
END;

CREATE TRIGGER IF NOT EXISTS postern_api_bans_update AFTER UPDATE ON api_bans
WHEN OLD.ban_type IS NOT NEW.ban_type OR OLD.ban_value IS NOT NEW.ban_value OR OLD.reason IS NOT NEW.reason OR OLD.expires_at IS NOT NEW.expires_at OR OLD.revoked_at IS NOT NEW.revoked_at BEGIN
  INSERT INTO postern_change (tbl, k) VALUES ('api_bans', NEW.ban_type || ':' || NEW.ban_value);
  INSERT INTO postern_change (tbl, k) SELECT 'api_bans', OLD.ban_type || ':' || OLD.ban_value WHERE OLD.ban_type IS NOT NEW.ban_type OR OLD.ban_value IS NOT NEW.ban_value;
END;

CREATE TRIGGER IF NOT EXISTS postern_api_bans_delete AFTER DELETE ON api_bans BEGIN
  INSERT INTO postern_change (tbl, k) VALUES ('api_bans', OLD.ban_type || ':' || OLD.ban_value);
END;
