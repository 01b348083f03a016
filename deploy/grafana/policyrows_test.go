package grafana_test

func policy() []spec {
	return []spec{
		stack("Decisions by check and action", "What the checks did; those that let a mail pass are left out.", "reqps",
			ask{`sum by (check, action) (rate(postern_policy_decisions_total{@, action!~"dunno|shadow_.*"}[$__rate_interval]))`, "{{check}} {{action}}"}),
		stack("Decisions by rule", "The same by rule.", "reqps",
			ask{`sum by (check, rule) (rate(postern_policy_decisions_total{@, action!~"dunno|shadow_.*"}[$__rate_interval]))`, "{{check}} {{rule}}"}),
		stack("Shadow verdicts", "What checks in mode shadow would have done.", "reqps",
			ask{`sum by (check, rule, action) (rate(postern_policy_decisions_total{@, action=~"shadow_.*"}[$__rate_interval]))`, "{{check}} {{rule}} {{action}}"}),
		stack("Let pass by check", "Verdicts dunno: the check had nothing against the mail.", "reqps",
			ask{`sum by (check) (rate(postern_policy_decisions_total{@, action="dunno"}[$__rate_interval]))`, "{{check}}"}),
		stack("Requests by result", "no_reply and malformed make Postfix defer.", "reqps",
			ask{`sum by (result) (rate(postern_policy_requests_total{@}[$__rate_interval]))`, "{{result}}"}),
		graph("Unknown contexts", "Requests with a policy_context that has no chain, within five minutes: main.cf and policyd.chains disagree.", "short",
			ask{`sum by (instance) (increase(postern_policy_unknown_context_total{@}[5m]))`, "{{instance}}"}),
		heat("Latency of decisions", "Time from a policy request to its answer, by bucket.", "s", "postern_policy_duration_seconds_bucket", `@`).wide(12),
		quantiles("Decisions: median and 99th percentile", "SPF and questions for MX hosts wait for the DNS.", "s", "postern_policy_duration_seconds_bucket", `@`, "").wide(12),
	}
}

func limits() []spec {
	return []spec{
		graph("Near the limit", "Charges after which less than a tenth of a limit was left, within five minutes.", "short",
			ask{`sum by (rule, key) (increase(postern_policy_limit_charges_total{@, result="near"}[5m]))`, "{{rule}} by {{key}}"}),
		graph("Over the limit", "Charges that did not fit, within five minutes. Keys of logins: perhaps a stolen password.", "short",
			ask{`sum by (rule, key) (increase(postern_policy_limit_charges_total{@, result=~"over|never"}[5m]))`, "{{rule}} by {{key}}"}),
		graph("Share near or over", "Share of the charges of a rule that are near its limit or over it.", "percentunit",
			ask{`sum by (rule) (rate(postern_policy_limit_charges_total{@, result=~"near|over|never"}[$__rate_interval])) / (sum by (rule) (rate(postern_policy_limit_charges_total{@}[$__rate_interval])) > 0)`, "{{rule}}"}),
		graph("Not judged", "Charges without a judgement within five minutes: the store was full or in trouble.", "short",
			ask{`sum by (rule, result) (increase(postern_policy_limit_charges_total{@, result=~"full|trouble"}[5m]))`, "{{rule}} {{result}}"}),
		stack("Limits of single keys", "Lookups in the map of limits by what became of them.", "reqps",
			ask{`sum by (rule, result) (rate(postern_policy_limit_lookups_total{@}[$__rate_interval]))`, "{{rule}} {{result}}"}),
		graph("Counters", "Counters in memory, and how often there was no room or payments were forgotten within five minutes.", "short",
			ask{`postern_policy_counters{@}`, "{{instance}} counters"},
			ask{`increase(postern_policy_counters_full_total{@}[5m])`, "{{instance}} no room"},
			ask{`increase(postern_policy_payments_forgotten_total{@}[5m])`, "{{instance}} forgotten"}),
		graph("Redis", "1 while decisions are made in Redis, and the hosts that share the counters. Nothing where counters are in memory.", "short",
			ask{`postern_policy_state_up{@}`, "{{instance}} up"}, ask{`postern_policy_state_hosts{@}`, "{{instance}} hosts"}),
		graph("Without Redis", "Decisions made in memory because Redis was away, and counters added when it was back.", "ops",
			ask{`sum(rate(postern_policy_state_local_decisions_total{@}[$__rate_interval]))`, "in memory"},
			ask{`sum(rate(postern_policy_state_added_total{@}[$__rate_interval]))`, "added"}),
		graph("State file", "Saves by result within five minutes.", "short",
			ask{`sum by (instance, result) (increase(postern_policy_state_saves_total{@}[5m]))`, "{{instance}} {{result}}"}),
	}
}

func checks() []spec {
	return []spec{
		graph("Bans in force", "By kind, and rows that ban nothing because they cannot be used.", "short",
			ask{`max by (kind) (postern_policy_bans{@})`, "{{kind}}"}, ask{`max(postern_policy_bans_ignored{@})`, "ignored"}),
		stack("Banned", "Verdicts of the check bans by rule.", "reqps",
			ask{`sum by (rule, action) (rate(postern_policy_decisions_total{@, check="bans", action!="dunno"}[$__rate_interval]))`, "{{rule}} {{action}}"}),
		stack("Questions for MX hosts", "For the hosts behind a destination; timeout and trouble let the mail pass.", "reqps",
			ask{`sum by (result) (rate(postern_policy_bans_mx_questions_total{@}[$__rate_interval]))`, "{{result}}"}),
		stack("Greylist", "Verdicts of the check greylist by rule, and triplets that waited and passed.", "reqps",
			ask{`sum by (rule, action) (rate(postern_policy_decisions_total{@, check="greylist"}[$__rate_interval]))`, "{{rule}} {{action}}"},
			ask{`sum(rate(postern_policy_greylist_retries_total{@}[$__rate_interval]))`, "came again"}),
		graph("Greylist rows", "In memory: waiting, and kept because they passed.", "short",
			ask{`sum by (instance, kind) (postern_policy_greylist_rows{@})`, "{{instance}} {{kind}}"}),
		graph("Greylist in trouble", "Rows that made room before their time, and attempts let pass because the store was in trouble, within five minutes.", "short",
			ask{`sum by (kind) (increase(postern_policy_greylist_evicted_total{@}[5m]))`, "evicted {{kind}}"},
			ask{`sum(increase(postern_policy_greylist_store_errors_total{@}[5m]))`, "store errors"}),
		stack("SPF results", "Recipients that were judged.", "reqps",
			ask{`sum by (result) (rate(postern_policy_spf_results_total{@}[$__rate_interval]))`, "{{result}}"}).wide(12),
		quantiles("SPF evaluations: median and 99th percentile", "Those that went to the DNS.", "s", "postern_policy_spf_duration_seconds_bucket", `@`, "").wide(12),
	}
}

func srs() []spec {
	return []spec{
		stack("Out: senders rewritten", "Forward questions by result. long and stored are counted beside ok and left out.", "reqps",
			ask{`sum by (result) (rate(postern_srs_rewrites_total{@, direction="forward", result!~"long|stored"}[$__rate_interval]))`, "{{result}}"}),
		stack("In: bounces led back", "Reverse questions by result. not_srs and foreign are no SRS addresses of ours.", "reqps",
			ask{`sum by (result) (rate(postern_srs_rewrites_total{@, direction="reverse"}[$__rate_interval]))`, "{{result}}"}),
		graph("Forged, expired, unknown", "Bounces refused, within five minutes.", "short",
			ask{`sum by (instance, result) (increase(postern_srs_rewrites_total{@, direction="reverse", result=~"forged|expired|unknown"}[5m]))`, "{{instance}} {{result}}"}),
		table("Secrets", "What each secret does on each host: all hosts must agree on who signs.", `postern_srs_secret_info{@}`, "Value").high(8),
		graph("Milter", "What became of messages and recipients that the SRS milter saw.", "reqps",
			ask{`sum by (result) (rate(postern_srs_milter_results_total{@}[$__rate_interval]))`, "{{result}}"}).wide(12),
		graph("Store: senders", "Envelope senders too long to be embedded, kept for their bounces.", "short", ask{`postern_srs_store_entries{@}`, "{{instance}}"}),
		stack("Store: operations", "By operation and result.", "ops",
			ask{`sum by (operation, result) (rate(postern_srs_store_operations_total{@}[$__rate_interval]))`, "{{operation}} {{result}}"}),
		graph("Store: up", "1 if the last operation succeeded; 0 before the first one, too.", "short", ask{`postern_srs_store_up{@}`, "{{instance}}"}),
	}
}

func connections() []spec {
	return []spec{
		stack("Open", "Connections of Postfix by daemon.", "short", ask{`sum by (daemon) (postern_connections{@})`, "{{daemon}}"}),
		stack("How they end", "closed is normal; idle and unasked are peers that said nothing; refused, panic, timeout and write are trouble.", "cps",
			ask{`sum by (daemon, end) (rate(postern_connections_total{@}[$__rate_interval])) > 0`, "{{daemon}} {{end}}"}),
		graph("Full, and errors of accept", "Times that a listener was full, and errors of accepting, within five minutes.", "short",
			ask{`sum by (instance, daemon) (increase(postern_connection_limit_reached_total{@}[5m]))`, "{{instance}} {{daemon}} full"},
			ask{`sum by (instance, daemon) (increase(postern_accept_errors_total{@}[5m]))`, "{{instance}} {{daemon}} errors"}),
	}
}

func guard() []spec {
	return []spec{
		stack("Messages", "What became of submitted messages.", "reqps",
			ask{`sum by (action) (rate(postern_from_guard_decisions_total{@, header="message"}[$__rate_interval]))`, "{{action}}"}),
		stack("Headers", "What was done about each header; those that passed are left out.", "reqps",
			ask{`sum by (header, action) (rate(postern_from_guard_decisions_total{@, header!="message", action!="passed"}[$__rate_interval]))`, "{{header}} {{action}}"}),
		graph("Protocol errors", "Breaches of the milter protocol within five minutes.", "short",
			ask{`sum by (instance) (increase(postern_from_guard_protocol_errors_total{@}[5m]))`, "{{instance}}"}),
	}
}

func twins() []spec {
	return []spec{
		stack("Questions asked again", "Live questions that were asked along the old path, too, by what came of it.", "reqps",
			ask{`sum by (result) (rate(postern_twin_questions_total{@, map=~"$map"}[$__rate_interval]))`, "{{result}}"}).wide(12),
		graph("Differences by map", "Answers that differ within five minutes; `postern twin` shows them.", "short",
			ask{`sum by (map) (increase(postern_twin_questions_total{@, map=~"$map", result="different"}[5m]))`, "{{map}}"}).wide(12),
	}
}

// process are metrics of the Go runtime and of the process, which other
// programs have, too: the jobs that were chosen are postern's.
func process() []spec {
	return []spec{
		graph("CPU", "Seconds of processor time per second.", "short", ask{`rate(process_cpu_seconds_total{@}[$__rate_interval])`, "{{instance}}"}),
		graph("Memory", "Resident, and objects on the heap.", "bytes",
			ask{`process_resident_memory_bytes{@}`, "{{instance}} resident"}, ask{`go_memstats_heap_alloc_bytes{@}`, "{{instance}} heap"}),
		graph("File descriptors", "Open ones, and the most there may be.", "short",
			ask{`process_open_fds{@}`, "{{instance}} open"}, ask{`process_max_fds{@}`, "{{instance}} limit"}),
		graph("Goroutines", "Two or so for each connection.", "short", ask{`go_goroutines{@}`, "{{instance}}"}),
		graph("Pauses of the garbage collector", "The longest of late.", "s", ask{`go_gc_duration_seconds{@, quantile="1"}`, "{{instance}}"}),
		graph("Age of the process", "Time since its start.", "s", ask{`time() - process_start_time_seconds{@}`, "{{instance}}"}),
		graph("Listening in", "How many `postern policy record` listen now.", "short", ask{`postern_policy_recorders{@}`, "{{instance}}"}),
	}
}
