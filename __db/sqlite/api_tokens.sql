-- Tokens of the web API; only their hashes are stored.
CREATE TABLE IF NOT EXISTS api_tokens (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  owner_email TEXT NOT NULL COLLATE NOCASE,
  token_hash BLOB NOT NULL UNIQUE,
  status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'revoked', 'expired')),
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
  expires_at TEXT,
  revoked_at TEXT,
  revoked_reason TEXT,
  created_ip BLOB,
  user_agent TEXT,
  last_used_at TEXT
);
CREATE INDEX IF NOT EXISTS idx_api_tokens_owner ON api_tokens (owner_email, status);
