package table

import (
	"testing"
	"time"
)

// at is one reading, so long after the first.
type at struct {
	after  time.Duration
	rows   int
	lost   int
	sum    uint64
	accept bool // by hand, before
	want   bool // activated
}

func TestGuard(t *testing.T) {
	tests := []struct {
		name     string
		twice    bool
		rows     int // held
		readings []at
	}{
		{"growth", false, 100, []at{{rows: 1000, want: true}}},
		{"a fifth is no loss", false, 100, []at{{rows: 80, lost: 20, want: true}}},
		{"more than a fifth is", false, 100, []at{{rows: 79, lost: 21}}},
		{"as many rows, but others", false, 100, []at{{rows: 100, lost: 100}}},
		{"all", false, 100, []at{{rows: 0, lost: 100}}},
		{"the only one", false, 1, []at{{rows: 0, lost: 1}}},
		{"nothing to lose", false, 0, []at{{rows: 0, want: true}}},

		{"a large loss is not believed however often", false, 100, []at{
			{rows: 50, lost: 50, sum: 1}, {after: time.Minute, rows: 50, lost: 50, sum: 1}, {after: time.Hour, rows: 50, lost: 50, sum: 1}}},
		{"a small one is, the second time", false, 12, []at{
			{rows: 2, lost: 10, sum: 1}, {after: confirm, rows: 2, lost: 10, sum: 1, want: true}}},
		{"not too soon", false, 12, []at{
			{rows: 2, lost: 10, sum: 1}, {after: confirm - 1, rows: 2, lost: 10, sum: 1}, {after: confirm, rows: 2, lost: 10, sum: 1, want: true}}},
		{"not if it changed meanwhile", false, 12, []at{
			{rows: 2, lost: 10, sum: 1}, {after: confirm, rows: 2, lost: 10, sum: 2}, {after: 2*confirm - 1, rows: 2, lost: 10, sum: 2},
			{after: 2 * confirm, rows: 2, lost: 10, sum: 2, want: true}}},
		{"eleven rows are not few", false, 12, []at{
			{rows: 1, lost: 11, sum: 1}, {after: confirm, rows: 1, lost: 11, sum: 1}}},
		{"the last row needs a hand", false, 1, []at{
			{rows: 0, lost: 1}, {after: confirm, rows: 0, lost: 1}, {after: time.Hour, rows: 0, lost: 1, accept: true, want: true}}},

		{"bans may all go, the second time", true, 1000, []at{
			{rows: 0, lost: 1000}, {after: confirm - 1, rows: 0, lost: 1000}, {after: confirm, rows: 0, lost: 1000, want: true}}},
		{"a few bans at once", true, 12, []at{{rows: 2, lost: 10, sum: 1, want: true}}},
		{"not eleven", true, 12, []at{{rows: 1, lost: 11, sum: 1}}},
		{"not the last ban", true, 1, []at{{rows: 0, lost: 1}, {after: confirm, rows: 0, lost: 1, want: true}}},
		{"many bans, and a few new ones between the readings", true, 1000, []at{
			{rows: 100, lost: 900, sum: 1}, {after: confirm, rows: 110, lost: 900, sum: 2, want: true}}},
		{"a restore that goes on", true, 1000, []at{
			{rows: 100, lost: 900, sum: 1}, {after: confirm, rows: 111, lost: 889, sum: 2}, {after: 2*confirm - 1, rows: 111, lost: 889, sum: 2}}},
		{"a restore that begins", true, 1000, []at{
			{rows: 0, lost: 1000}, {after: confirm, rows: 5, lost: 995, sum: 2}}},
		{"a few bans, then none", true, 1000, []at{
			{rows: 5, lost: 995, sum: 2}, {after: confirm, rows: 0, lost: 1000}}},

		{"accepted", false, 100, []at{{rows: 0, lost: 100}, {rows: 0, lost: 100, accept: true, want: true}}},
		{"accepted, and a little less by now", false, 100, []at{
			{rows: 50, lost: 50, sum: 1}, {rows: 45, lost: 55, sum: 2, accept: true, want: true}}},
		{"accepted, but then it was emptied", false, 100, []at{
			{rows: 50, lost: 50, sum: 1}, {rows: 0, lost: 100, sum: 2, accept: true}}},
		{"nothing was held back to accept", false, 100, []at{{rows: 0, lost: 100, accept: true}}},
		{"an acceptance is used up", false, 100, []at{
			{rows: 0, lost: 100}, {rows: 100, want: true}, {rows: 0, lost: 100}, {after: 1, rows: 0, lost: 100}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := guard{share: 0.2, twice: test.twice}
			start := time.Now()
			for i, r := range test.readings {
				if r.accept {
					g.accepted = g.held != nil
				}
				c := &snapshot{rows: r.rows, sum: r.sum}
				if got := g.judge(reading{content: c, lost: r.lost}, test.rows, start.Add(r.after)); got != r.want {
					t.Errorf("reading %d: activated %v, want %v", i, got, r.want)
				}
			}
		})
	}
}

func TestGuardOfDeletionsByTheFeed(t *testing.T) {
	type batch struct {
		after time.Duration
		lost  int
		want  bool
	}
	tests := []struct {
		name    string
		rows    int
		batches []batch
	}{
		{"one of one", 1, []batch{{0, 1, true}}},
		{"both of two", 2, []batch{{0, 2, false}}},
		{"one after the other", 3, []batch{{0, 1, true}, {time.Second, 1, true}, {2 * time.Second, 1, true}}},
		{"ten of twelve", 12, []batch{{0, 10, true}}},
		{"eleven of twelve", 12, []batch{{0, 11, false}}},
		{"a fifth", 1000, []batch{{0, 200, true}}},
		{"more", 1000, []batch{{0, 201, false}}},
		{"more, in pieces", 1000, []batch{{0, 150, true}, {30 * time.Second, 50, true}, {59 * time.Second, 1, false}}},
		{"more, but slowly", 1000, []batch{{0, 150, true}, {time.Minute, 150, true}, {2 * time.Minute, 110, true}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := guard{share: 0.2}
			start, rows := time.Now(), test.rows
			for i, b := range test.batches {
				got := g.deletes(b.lost, rows, start.Add(b.after))
				if got != b.want {
					t.Errorf("batch %d: %v, want %v", i, got, b.want)
				}
				if got {
					rows -= b.lost
				}
			}
		})
	}
	t.Run("the reload is judged by what was there before the pieces", func(t *testing.T) {
		g := guard{share: 0.2}
		now := time.Now()
		g.deletes(150, 1000, now)
		if g.judge(reading{content: &snapshot{rows: 700}, lost: 150}, 850, now.Add(time.Second)) {
			t.Error("a loss of 300 of 1000 rows within a second was believed")
		}
	})
	t.Run("nothing goes while a reload is held back", func(t *testing.T) {
		g := guard{share: 0.2, held: &Held{}}
		if g.deletes(1, 1000, time.Now()) {
			t.Error("a row was deleted")
		}
	})
}
