-- Virtual aliases: mail for address goes where goto says (comma-separated).
CREATE TABLE IF NOT EXISTS alias (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  address TEXT NOT NULL COLLATE NOCASE UNIQUE,
  goto TEXT NOT NULL,
  active INTEGER NOT NULL DEFAULT 1,
  created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  modified TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX IF NOT EXISTS idx_alias_goto ON alias (goto);

-- NOCASE folds ASCII only; the few rows with other letters are found by this.
CREATE INDEX IF NOT EXISTS idx_alias_address_non_ascii ON alias (address) WHERE address GLOB '*[^ -~]*';

CREATE TRIGGER IF NOT EXISTS alias_modified AFTER UPDATE OF address, goto, active ON alias
WHEN NEW.modified IS OLD.modified BEGIN
  UPDATE alias SET modified = CURRENT_TIMESTAMP WHERE id = NEW.id;
END;

CREATE TRIGGER IF NOT EXISTS postern_alias_insert AFTER INSERT ON alias BEGIN
  INSERT INTO postern_change (tbl, k) VALUES ('alias', NEW.address);
END;

CREATE TRIGGER IF NOT EXISTS postern_alias_update AFTER UPDATE ON alias
WHEN OLD.address IS NOT NEW.address OR OLD.goto IS NOT NEW.goto OR OLD.active IS NOT NEW.active BEGIN
  INSERT INTO postern_change (tbl, k) VALUES ('alias', NEW.address);
  INSERT INTO postern_change (tbl, k) SELECT 'alias', OLD.address WHERE OLD.address IS NOT NEW.address;
END;

CREATE TRIGGER IF NOT EXISTS postern_alias_delete AFTER DELETE ON alias BEGIN
  INSERT INTO postern_change (tbl, k) VALUES ('alias', OLD.address);
END;
