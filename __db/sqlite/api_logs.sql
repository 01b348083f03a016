-- What was asked of the web API.
CREATE TABLE IF NOT EXISTS api_logs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  api_token_id INTEGER REFERENCES api_tokens (id),
  api_token_owner_email TEXT,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
  route TEXT NOT NULL,
  body TEXT,
  request_ip BLOB,
  user_agent TEXT
);
CREATE INDEX IF NOT EXISTS idx_api_logs_token ON api_logs (api_token_id, created_at);
CREATE INDEX IF NOT EXISTS idx_api_logs_created ON api_logs (created_at);
