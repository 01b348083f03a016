-- Accounts of the web interface.
CREATE TABLE IF NOT EXISTS users (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  username TEXT NOT NULL COLLATE NOCASE UNIQUE,
  email TEXT NOT NULL COLLATE NOCASE UNIQUE,
  password_hash TEXT NOT NULL,
  email_verified_at TEXT,
  is_active INTEGER NOT NULL DEFAULT 1,
  is_admin INTEGER NOT NULL DEFAULT 0,
  password_changed_at TEXT,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
  updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
  last_login_at TEXT
);

CREATE TRIGGER IF NOT EXISTS users_updated_at AFTER UPDATE OF username, email, password_hash, email_verified_at, is_active, is_admin, password_changed_at, last_login_at ON users
WHEN NEW.updated_at IS OLD.updated_at BEGIN
  UPDATE users SET updated_at = (strftime('%Y-%m-%d %H:%M:%f', 'now')) WHERE id = NEW.id;
END;
