-- The change feed: which keys of the five loaded tables changed. Their triggers
-- stand beside them. About a million changes are kept.
CREATE TABLE IF NOT EXISTS postern_change (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  at  TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
  tbl TEXT NOT NULL,
  k   TEXT NOT NULL
);

CREATE TRIGGER IF NOT EXISTS postern_change_prune AFTER INSERT ON postern_change BEGIN
  DELETE FROM postern_change WHERE seq < NEW.seq - 997920;
END;
