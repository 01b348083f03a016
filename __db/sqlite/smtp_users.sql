-- Submission logins; password carries Dovecot's scheme prefix, e.g. {SHA256-CRYPT}.
CREATE TABLE IF NOT EXISTS smtp_users (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  username TEXT NOT NULL COLLATE NOCASE UNIQUE,
  password TEXT NOT NULL,
  active INTEGER NOT NULL DEFAULT 1,
  created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);
