-- The hosted mail domains.
CREATE TABLE IF NOT EXISTS domain (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL COLLATE NOCASE UNIQUE,
  active INTEGER NOT NULL DEFAULT 1
);

-- NOCASE folds ASCII only; the few rows with other letters are found by this.
CREATE INDEX IF NOT EXISTS idx_domain_name_non_ascii ON domain (name) WHERE name GLOB '*[^ -~]*';

CREATE TRIGGER IF NOT EXISTS postern_domain_insert AFTER INSERT ON domain BEGIN
  INSERT INTO postern_change (tbl, k) VALUES ('domain', NEW.name);
END;

CREATE TRIGGER IF NOT EXISTS postern_domain_update AFTER UPDATE ON domain
WHEN OLD.name IS NOT NEW.name OR OLD.active IS NOT NEW.active BEGIN
  INSERT INTO postern_change (tbl, k) VALUES ('domain', NEW.name);
  INSERT INTO postern_change (tbl, k) SELECT 'domain', OLD.name WHERE OLD.name IS NOT NEW.name;
END;

CREATE TRIGGER IF NOT EXISTS postern_domain_delete AFTER DELETE ON domain BEGIN
  INSERT INTO postern_change (tbl, k) VALUES ('domain', OLD.name);
END;
