package grafana_test

// rows are all panels of the board.
func rows() []row {
	return []row{
		{title: "At a glance", panels: glance()},
		{title: "Lookups", panels: lookups()},
		{title: "Cache of .cf maps", panels: cache()},
		{title: "Tables", panels: tables()},
		{title: "Database", panels: database()},
		{title: "Policy decisions", panels: policy()},
		{title: "Limits near their edge", panels: limits()},
		{title: "Bans, greylist and SPF", panels: checks()},
		{title: "SRS", panels: srs()},
		{title: "Connections", panels: connections()},
		{title: "From guard", folded: true, panels: guard()},
		{title: "Twin: the old path beside", folded: true, panels: twins()},
		{title: "Process", folded: true, panels: process()},
	}
}

// still are the checksums of tables that are in memory, where alone there is an
// age, and have not changed for a while: hosts see a change at different moments.
const still = `(postern_table_checksum{@} and changes(postern_table_checksum{@}[10m]) == 0 and postern_table_age_seconds{@})`

func glance() []spec {
	return []spec{
		stat("Away", "Processes that do not answer Prometheus. Postfix defers what it cannot ask.", "short", 1, `count(up{@} == 0) or vector(0)`),
		stat("Not ready", "Processes that cannot answer Postfix: /readyz says no.", "short", 1, `count(postern_ready{@} == 0) or vector(0)`),
		stat("Reloads refused", "Processes whose last reload found a bad configuration: the one before is in force.", "short", 1,
			`count(postern_config_last_reload_successful{@} == 0) or vector(0)`),
		stat("Tables that differ", "Tables of which two hosts hold different rows, and have for ten minutes.", "short", 1,
			`count(max by (job, table) `+still+` != min by (job, table) `+still+`) or vector(0)`),
		stat("SRS secrets that sign", "More than one: hosts refuse the bounces to one another's addresses.", "short", 2,
			`count(count by (fingerprint) (postern_srs_secret_info{@, state="signs"}))`),
		stat("Versions", "Versions of postern that run.", "short", 2, `count(count by (version) (postern_build_info{@}))`),
		stat("Lookups", "Questions of Postfix, all maps.", "reqps", 0, `sum(rate(postern_lookup_requests_total{@}[$__rate_interval]))`),
		stat("Lookups in trouble", "Share of the lookups that could not be answered: 451.", "percentunit", 0.01,
			`sum(rate(postern_lookup_requests_total{@, result=~"temp|perm|timeout"}[$__rate_interval])) / sum(rate(postern_lookup_requests_total{@}[$__rate_interval]))`),
		stat("Oldest table", "How old the oldest picture of a table is.", "s", 900, `max(postern_table_age_seconds{@})`),
		stat("Policy requests", "Requests that policyd answered.", "reqps", 0, `sum(rate(postern_policy_requests_total{@, result="answered"}[$__rate_interval]))`),
		stat("Refused or deferred", "Verdicts that kept a mail out, for now or for good.", "reqps", 0,
			`sum(rate(postern_policy_decisions_total{@, action=~"reject|defer|defer_if_permit"}[$__rate_interval]))`),
		stat("Last reload", "Time since a process last read a good configuration.", "s", 0,
			`time() - max(postern_config_last_reload_success_timestamp_seconds{@})`),
		table("Versions by host", "Which postern runs where.", `postern_build_info{@}`, "Value"),
		table("Alerts that fire", "From postern.rules.yml; docs/alerts.md says what to do.",
			`ALERTS{alertname=~"Postern.*", alertstate="firing"}`, "Value", "alertstate"),
	}
}

func lookups() []spec {
	return []spec{
		stack("Lookups by map", "What Postfix asks.", "reqps",
			ask{`sum by (map) (rate(postern_lookup_requests_total{@, map=~"$map"}[$__rate_interval]))`, "{{map}}"}).wide(12),
		stack("Lookups by result", "How it ends: temp, perm and timeout become 451, malformed is no request of the protocol.", "reqps",
			ask{`sum by (result) (rate(postern_lookup_requests_total{@, map=~"$map"}[$__rate_interval]))`, "{{result}}"}).wide(12),
		heat("Latency", "Time from a request to its answer, by bucket.", "s", "postern_lookup_duration_seconds_bucket", `@, map=~"$map"`).wide(12),
		quantiles("Median and 99th percentile", "Built-in maps answer from memory in microseconds; .cf maps ask the database once per cache.ttl.", "s",
			"postern_lookup_duration_seconds_bucket", `@, map=~"$map"`, "map").wide(12),
		graph("Share in trouble by map", "Lookups that could not be answered.", "percentunit",
			ask{`sum by (map) (rate(postern_lookup_requests_total{@, map=~"$map", result=~"temp|perm|timeout"}[$__rate_interval])) / (sum by (map) (rate(postern_lookup_requests_total{@, map=~"$map"}[$__rate_interval])) > 0)`, "{{map}}"}).wide(12),
		stack("Lookups by protocol and host", "Which daemon is asked on which host.", "reqps",
			ask{`sum by (instance, protocol) (rate(postern_lookup_requests_total{@, map=~"$map"}[$__rate_interval]))`, "{{instance}} {{protocol}}"}).wide(12),
	}
}

func cache() []spec {
	return []spec{
		graph("Hit rate", "Share of the lookups in .cf maps that were answered from memory.", "percentunit",
			ask{`sum by (map) (rate(postern_cache_requests_total{@, map=~"$map", result=~"hit|negative_hit"}[$__rate_interval])) / (sum by (map) (rate(postern_cache_requests_total{@, map=~"$map"}[$__rate_interval])) > 0)`, "{{map}}"}),
		stack("What the cache made of lookups", "stale: the database failed and an expired answer was served. error: nothing could be.", "reqps",
			ask{`sum by (result) (rate(postern_cache_requests_total{@, map=~"$map"}[$__rate_interval]))`, "{{result}}"}),
		graph("Answers held", "Answers in memory, found and not found.", "short", ask{`postern_cache_entries{@}`, "{{instance}}"}),
		heat("Age of stale answers", "How long ago the database gave what was served stale.", "s", "postern_cache_stale_answer_age_seconds_bucket", `@`).wide(12),
		quantiles("Age of stale answers: median and 99th percentile", "It ends at cache.ttl and cache.stale together.", "s",
			"postern_cache_stale_answer_age_seconds_bucket", `@`, "").wide(12),
	}
}

func tables() []spec {
	return []spec{
		graph("Rows", "Rows held in memory.", "short", ask{`max by (table) (postern_table_rows{@})`, "{{table}}"}),
		graph("Age", "Time since the table was last known to be the database's content.", "s", ask{`max by (table) (postern_table_age_seconds{@})`, "{{table}}"}),
		graph("Changes", "Keys read again because the change feed named them, or by flush.", "ops",
			ask{`sum by (table) (rate(postern_table_changes_total{@}[$__rate_interval]))`, "{{table}}"}),
		graph("Reloads", "Loads of a whole table by result, within five minutes.", "short",
			ask{`sum by (table, result) (increase(postern_table_reloads_total{@}[5m])) > 0`, "{{table}} {{result}}"}),
		graph("Reloads held", "1 while the shrink guard holds a reload back.", "short", ask{`max by (instance, table) (postern_table_reload_held{@})`, "{{instance}} {{table}}"}),
		graph("Generation", "Changes of the content since the first load on a host.", "short", ask{`postern_table_generation{@}`, "{{instance}} {{table}}"}),
		graph("Questions to the database", "Lookups that a table could not answer from memory.", "reqps",
			ask{`sum by (table, result) (rate(postern_table_database_asks_total{@}[$__rate_interval]))`, "{{table}} {{result}}"}),
		graph("Disk copies", "Copies, or marks that they are current, that were written, by result, within five minutes.", "short",
			ask{`sum by (result) (increase(postern_table_disk_saves_total{@}[5m]))`, "{{result}}"}),
		stack("Memory", "Taken by rows and their index.", "bytes", ask{`max by (table) (postern_table_memory_bytes{@})`, "{{table}}"}),
	}
}

func database() []spec {
	return []spec{
		graph("Database up", "1 if the last contact with every database succeeded.", "short", ask{`postern_database_up{@}`, "{{instance}}"}),
		graph("Connections", "Of all pools: in use, idle, and the most there may be.", "short",
			ask{`sum by (state) (postern_database_connections{@})`, "{{state}}"}),
		graph("Waiting for a connection", "Questions that wait now.", "short", ask{`postern_database_waiting{@}`, "{{instance}}"}),
		heat("Query latency", "Single questions, from asking to the database's answer.", "s", "postern_database_query_duration_seconds_bucket", `@`),
		quantiles("Query latency: median and 99th percentile", "Single questions, from asking to the database's answer.", "s",
			"postern_database_query_duration_seconds_bucket", `@`, ""),
		graph("Waits", "Questions that had to wait for a connection, and how long on average.", "short",
			ask{`sum(rate(postern_database_waits_total{@}[$__rate_interval]))`, "waits per second"},
			ask{`sum(rate(postern_database_wait_seconds_total{@}[$__rate_interval])) / (sum(rate(postern_database_waits_total{@}[$__rate_interval])) > 0)`, "seconds each"}),
	}
}
