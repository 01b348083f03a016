-- Subscriptions that wait for confirmation; one pending per address.
CREATE TABLE IF NOT EXISTS email_confirmations (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  email TEXT NOT NULL COLLATE NOCASE,
  token_hash BLOB NOT NULL UNIQUE,
  status TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'confirmed', 'expired')),
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
  expires_at TEXT NOT NULL,
  confirmed_at TEXT,
  request_ip BLOB,
  user_agent TEXT,
  send_count INTEGER NOT NULL DEFAULT 0,
  last_sent_at TEXT,
  attempts_confirm INTEGER NOT NULL DEFAULT 0,
  intent TEXT NOT NULL DEFAULT 'subscribe',
  alias_name TEXT,
  alias_domain TEXT,
  active_pending INTEGER GENERATED ALWAYS AS (CASE WHEN status = 'pending' THEN 1 END) VIRTUAL,
  UNIQUE (email, active_pending)
);
