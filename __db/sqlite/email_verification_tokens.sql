-- Links that prove a user's address; only their hashes are stored.
CREATE TABLE IF NOT EXISTS email_verification_tokens (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  token_hash BLOB NOT NULL UNIQUE,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
  expires_at TEXT NOT NULL,
  used_at TEXT,
  request_ip BLOB,
  user_agent TEXT,
  send_count INTEGER NOT NULL DEFAULT 0,
  last_sent_at TEXT
);
CREATE INDEX IF NOT EXISTS idx_email_verification_tokens_user ON email_verification_tokens (user_id, expires_at);
