package migrate

import "testing"

func TestRecognise(t *testing.T) {
	for _, test := range []struct {
		name, query, want string
	}{
		{"as shipped", "SELECT address FROM alias_handle WHERE handle = '%u' AND active = 1 LIMIT 1", "virtual-handles"},
		{"backticks, semicolon", "select `address` from `alias_handle` where `handle`='%u' and `active`=1 limit 1;", "virtual-handles"},
		{"conditions turned round", "SELECT goto FROM alias WHERE active=1 AND address='%s'", "virtual-aliases"},
		{"another answer", "SELECT CONCAT(goto, ',archive@example.org') FROM alias WHERE address='%s' AND active=1", ""},
		{"no active", "SELECT goto FROM alias WHERE address='%s'", ""},
		{"another key", "SELECT address FROM alias_handle WHERE handle='%s' AND active=1", ""},
		{"more conditions", "SELECT goto FROM alias WHERE address='%s' AND active=1 AND created > '2020-01-01'", ""},
		{"double quotes", `SELECT "OK" FROM alias WHERE address="%s" AND active=1`, "allowlist-aliases"},
		{"reply of one's own", "SELECT 'REJECT not you' FROM domain WHERE name='%d' AND active=1", "block-local-senders"},
		{"domain as answer", "SELECT name FROM domain WHERE name='%s' AND active='1'", "virtual-domains"},
		{"logins", "SELECT login FROM smtp_sender_acl WHERE sender='%s' AND active=1", "sender-login-maps"},
		{"bans", "SELECT CONCAT('error:5.7.1 Domain banned. ', COALESCE(reason, '')) FROM api_bans\n WHERE ban_type = 'domain' AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > NOW())\n AND ('%s' = ban_value OR '%s' LIKE ban_pattern) LIMIT 1", "banned-domains"},
		{"bans that never end", "SELECT 'error:5.7.1 x' FROM api_bans WHERE ban_type='domain' AND ban_value='%s'", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := recognise(map[string]string{"query": test.query}); got != test.want {
				t.Errorf("recognise(%q) = %q, want %q (normalised: %s)", test.query, got, test.want, normalise(test.query))
			}
		})
	}
	legacy := map[string]string{"table": "alias", "select_field": "goto", "where_field": "address", "additional_conditions": "and active = 1"}
	if got := recognise(legacy); got != "virtual-aliases" {
		t.Errorf("the old parameters: %q", got)
	}
	if got := recognise(map[string]string{"query": "SELECT goto FROM alias WHERE address='%s' AND active=1", "result_format": "smtp:%s"}); got != "" {
		t.Errorf("a file with a result_format of its own is %q", got)
	}
}
