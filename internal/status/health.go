package status

import (
	"fmt"
	"math"
	"time"
)

// missAge is how long "not found" is believed of a table that may have changed.
const missAge = time.Minute

// health is the state of everything that this process depends on.
func (v view) health(facts Facts) []Health {
	var all []Health
	add := func(h Health, known bool) {
		if known {
			all = append(all, h)
		}
	}
	for _, d := range facts.Databases {
		all = append(all, v.databaseHealth(d, facts.Tables))
	}
	for _, t := range facts.Tables {
		all = append(all, v.tableHealth(t))
	}
	add(v.redisHealth(facts))
	add(v.storeHealth(facts))
	add(v.savesHealth())
	add(v.reloadHealth())
	add(v.lookupHealth())
	add(v.policyHealth())
	add(v.acceptHealth())
	return all
}

// loaded reports tables that are in memory, all of them.
func (v view) loaded(tables []TableFact) bool {
	for _, t := range tables {
		if _, loaded := v.now.reading[series{tableAge, labels{t.Name}}]; !loaded || t.PerKey {
			return false
		}
	}
	return len(tables) > 0
}

func (v view) databaseHealth(d DatabaseFact, tables []TableFact) Health {
	h := Health{Name: "database " + d.Name, State: Poor}
	switch {
	case d.Up && d.Trouble == "":
		h.State = Good
	case d.Up:
		h.Text = d.Trouble + ": who needs what is missing gets a temporary answer, and that mail waits (451)"
	case !d.Asked:
		h.Text = "was not asked yet: lookups that need it show whether it answers"
	case d.Tables && v.loaded(tables):
		h.Text = d.Trouble + ": known addresses are answered from memory; after a minute others get a temporary answer, and their mail waits (451)"
	case d.Tables:
		h.State = Bad
		h.Text = d.Trouble + ", and not every table is in memory: lookups get a temporary answer, and mail waits (451)"
	default:
		h.State = Bad
		h.Text = d.Trouble + ": what the cache holds is answered, all else gets a temporary answer, and its mail waits (451)"
	}
	if d.Cause != "" {
		h.Text += " (" + d.Cause + ")"
	}
	return h
}

func (v view) tableHealth(t TableFact) Health {
	h := Health{Name: "table " + t.Name, State: Good}
	of := labels{t.Name}
	age, loaded := v.now.reading[series{tableAge, of}]
	switch {
	case v.now.reading[series{tableHeld, of}] == 1:
		h.State = Poor
		h.Text = "a reload is held back, because the database lost many rows: answers are those of before; if the loss was meant: postern accept-snapshot"
	case t.PerKey:
		h.Text = "is too large for tables.max_memory: each key is asked of the database"
	case !loaded:
		h.State = Bad
		h.Text = "is not loaded: lookups get a temporary answer, and mail waits (451)"
	case seconds(age) > missAge && t.Trouble != "":
		h.State = Poor
		h.Text = fmt.Sprintf("was current %s ago: known addresses are answered, others are asked of the database or get a temporary answer", round(seconds(age)))
	}
	if t.Trouble != "" && h.State != Good {
		h.Text += " (" + t.Trouble + ")"
	}
	return h
}

func (v view) redisHealth(facts Facts) (Health, bool) {
	h := Health{Name: "redis " + facts.Redis, State: Good}
	up, told := v.now.reading.gauge(policyStateUp)
	if told && up != 1 {
		h.State = Poor
		h.Text = "cannot be used: this host goes on alone, with its share of each limit and what it knows of the greylist"
	}
	return h, told && facts.Redis != ""
}

func (v view) storeHealth(facts Facts) (Health, bool) {
	h := Health{Name: "srs store " + facts.Store, State: Good}
	up, told := v.now.reading.gauge(srsStoreUp)
	switch {
	case up == 1:
	case v.now.reading.total(srsStoreOps, nil) == 0:
		h.Text = "was not asked yet"
	default:
		h.State = Bad
		h.Text = "cannot be used: mail that is forwarded, and bounces of it, wait (451) where their sender stands in the store"
	}
	return h, told && facts.Store != ""
}

// savesHealth looks at the copies on disk of tables and of policyd's counters.
func (v view) savesHealth() (Health, bool) {
	h := Health{Name: "disk copies", State: Good}
	failed := v.now.reading.saves("error")
	if len(v.samples) > 0 && v.samples[0].unsaved <= failed {
		failed -= v.samples[0].unsaved
	}
	if failed > 0 {
		h.State = Poor
		h.Text = fmt.Sprintf("%.0f could not be written within %s: mail does not notice, but a start without the database would know what stood there before; is the disk full? The log says more", failed, round(keep))
	}
	return h, v.now.reading.saves("ok")+v.now.reading.saves("error") > 0
}

// saves is how many copies were written, or not, since the start.
func (r reading) saves(result string) float64 {
	of := func(l labels) bool { return l[0] == result }
	return r.total(tableSaves, of) + r.total(policySaves, of)
}

func (v view) reloadHealth() (Health, bool) {
	h := Health{Name: "configuration", State: Good}
	good, told := v.now.reading.gauge(reloadGood)
	if told && good != 1 {
		h.State = Poor
		h.Text = "the last reload was refused: what was in force before still is; the log says what is wrong"
	}
	return h, told
}

// lookupHealth is about what Postfix was told within the last minute.
func (v view) lookupHealth() (Health, bool) {
	h := Health{Name: "lookups", State: Good}
	all, trouble := v.grown.total(lookupRequests, nil), v.grown.total(lookupRequests, isTrouble)
	if trouble > 0 {
		h.State = Poor
		h.Text = fmt.Sprintf("%.0f of %.0f answers of the last minute were trouble: that mail waits (451)", trouble, all)
	}
	if trouble > all/2 {
		h.State = Bad
	}
	return h, v.now.reading.has(lookupRequests)
}

func (v view) policyHealth() (Health, bool) {
	h := Health{Name: "policy", State: Good}
	none := v.grown[series{policyRequests, labels{"no_reply"}}]
	if none > 0 {
		h.State = Bad
		h.Text = fmt.Sprintf("%.0f requests of the last minute got no reply, because a check was in trouble: Postfix took its default_action", none)
	}
	return h, v.now.reading.has(policyRequests)
}

// acceptHealth is told where it is bad only.
func (v view) acceptHealth() (Health, bool) {
	n := v.grown.total(acceptErrors, nil)
	return Health{
		Name: "connections", State: Bad,
		Text: fmt.Sprintf("%.0f could not be accepted within the last minute: are there enough file descriptors? Postfix waits, and mail with it", n),
	}, n > 0
}

// longest is more than anything here lasts.
const longest = 100 * 365 * 24 * time.Hour

// seconds is a length of time that came as a figure: none of what is no number,
// and longest at most.
func seconds(s float64) time.Duration {
	if math.IsNaN(s) {
		return 0
	}
	return time.Duration(min(max(0, s), longest.Seconds()) * float64(time.Second))
}

// round leaves what people want to read of a duration.
func round(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%.0f days", d.Hours()/24)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%.0f hours", d.Hours())
	case d >= 2*time.Minute:
		return fmt.Sprintf("%.0f minutes", d.Minutes())
	}
	return fmt.Sprintf("%.0f seconds", d.Seconds())
}
