-- Handles: handle@ any hosted domain is mail for address.
CREATE TABLE IF NOT EXISTS alias_handle (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  handle TEXT NOT NULL COLLATE NOCASE UNIQUE,
  address TEXT,
  active INTEGER NOT NULL DEFAULT 1
);

-- NOCASE folds ASCII only; the few rows with other letters are found by this.
CREATE INDEX IF NOT EXISTS idx_alias_handle_handle_non_ascii ON alias_handle (handle) WHERE handle GLOB '*[^ -~]*';

CREATE TRIGGER IF NOT EXISTS postern_alias_handle_insert AFTER INSERT ON alias_handle BEGIN
  INSERT INTO postern_change (tbl, k) VALUES ('alias_handle', NEW.handle);
END;

CREATE TRIGGER IF NOT EXISTS postern_alias_handle_update AFTER UPDATE ON alias_handle
WHEN OLD.handle IS NOT NEW.handle OR OLD.address IS NOT NEW.address OR OLD.active IS NOT NEW.active BEGIN
  INSERT INTO postern_change (tbl, k) VALUES ('alias_handle', NEW.handle);
  INSERT INTO postern_change (tbl, k) SELECT 'alias_handle', OLD.handle WHERE OLD.handle IS NOT NEW.handle;
END;

CREATE TRIGGER IF NOT EXISTS postern_alias_handle_delete AFTER DELETE ON alias_handle BEGIN
  INSERT INTO postern_change (tbl, k) VALUES ('alias_handle', OLD.handle);
END;
