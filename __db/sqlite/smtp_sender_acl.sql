-- Which login may send as which sender; one sender may have several logins.
CREATE TABLE IF NOT EXISTS smtp_sender_acl (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  login TEXT NOT NULL COLLATE NOCASE,
  sender TEXT NOT NULL COLLATE NOCASE,
  active INTEGER NOT NULL DEFAULT 1,
  UNIQUE (login, sender)
);
CREATE INDEX IF NOT EXISTS idx_smtp_sender_acl_sender ON smtp_sender_acl (sender);

-- NOCASE folds ASCII only; the few rows with other letters are found by this.
CREATE INDEX IF NOT EXISTS idx_smtp_sender_acl_sender_non_ascii ON smtp_sender_acl (sender) WHERE sender GLOB '*[^ -~]*';

CREATE TRIGGER IF NOT EXISTS postern_smtp_sender_acl_insert AFTER INSERT ON smtp_sender_acl BEGIN
  INSERT INTO postern_change (tbl, k) VALUES ('smtp_sender_acl', NEW.sender);
END;

CREATE TRIGGER IF NOT EXISTS postern_smtp_sender_acl_update AFTER UPDATE ON smtp_sender_acl
WHEN OLD.sender IS NOT NEW.sender OR OLD.login COLLATE BINARY IS NOT NEW.login COLLATE BINARY OR OLD.active IS NOT NEW.active BEGIN
  INSERT INTO postern_change (tbl, k) VALUES ('smtp_sender_acl', NEW.sender);
  INSERT INTO postern_change (tbl, k) SELECT 'smtp_sender_acl', OLD.sender WHERE OLD.sender IS NOT NEW.sender;
END;

CREATE TRIGGER IF NOT EXISTS postern_smtp_sender_acl_delete AFTER DELETE ON smtp_sender_acl BEGIN
  INSERT INTO postern_change (tbl, k) VALUES ('smtp_sender_acl', OLD.sender);
END;
