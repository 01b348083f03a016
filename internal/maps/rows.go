package maps

import "strings"

// TablesOf names the tables that a built-in map reads.
func TablesOf(name string) []string {
	switch name {
	case VirtualHandles, AllowlistHandles:
		return []string{"domain", "alias_handle"}
	case VirtualAliases, AllowlistAliases:
		return []string{"domain", "alias"}
	case Virtual, Allowlist:
		return []string{"domain", "alias_handle", "alias"}
	case BlockLocalSenders, VirtualDomains:
		return []string{"domain"}
	case SenderLoginMaps, AllowedSenders:
		return []string{"smtp_sender_acl"}
	case BannedDomains:
		return []string{"api_bans"}
	}
	return nil
}

// RowKeys are the keys under which a table holds what concerns a folded
// address or domain.
func RowKeys(table, key string) []string {
	local, domain, ok := split(key)
	if !ok {
		local, domain = key, key
	}
	switch table {
	case "domain":
		return []string{domain}
	case "alias_handle":
		return []string{local}
	case "api_bans":
		return []string{"domain:" + strings.TrimPrefix(domain, ".")}
	}
	return []string{key}
}
