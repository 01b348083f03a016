-- Sessions of the web interface; refresh tokens are stored as hashes.
CREATE TABLE IF NOT EXISTS auth_sessions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  session_family_id TEXT NOT NULL,
  refresh_token_hash BLOB NOT NULL UNIQUE,
  refresh_expires_at TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'rotated', 'revoked', 'reuse_detected')),
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
  revoked_at TEXT,
  replaced_by_session_id INTEGER REFERENCES auth_sessions (id) ON DELETE SET NULL,
  last_used_at TEXT,
  request_ip BLOB,
  user_agent TEXT
);
CREATE INDEX IF NOT EXISTS idx_auth_sessions_user ON auth_sessions (user_id, status);
CREATE INDEX IF NOT EXISTS idx_auth_sessions_family ON auth_sessions (session_family_id);
CREATE INDEX IF NOT EXISTS idx_auth_sessions_replaced_by ON auth_sessions (replaced_by_session_id);
