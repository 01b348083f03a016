-- Domains whose DNS records are being checked before they are activated.
CREATE TABLE IF NOT EXISTS dns_requests (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  target TEXT NOT NULL COLLATE NOCASE,
  type TEXT NOT NULL CHECK (type IN ('UI', 'EMAIL')),
  status TEXT NOT NULL,
  created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  activated_at TEXT,
  last_checked_at TEXT,
  next_check_at TEXT,
  last_check_result_json TEXT,
  fail_reason TEXT,
  expires_at TEXT NOT NULL,
  UNIQUE (target, type)
);
CREATE INDEX IF NOT EXISTS idx_dns_requests_next_check ON dns_requests (status, next_check_at);

CREATE TRIGGER IF NOT EXISTS dns_requests_updated_at AFTER UPDATE OF target, type, status, activated_at, last_checked_at, next_check_at, last_check_result_json, fail_reason, expires_at ON dns_requests
WHEN NEW.updated_at IS OLD.updated_at BEGIN
  UPDATE dns_requests SET updated_at = CURRENT_TIMESTAMP WHERE id = NEW.id;
END;
