package bans

import (
	"fmt"
	"testing"
	"time"
)

// tenThousand is bans of all kinds, a tenth of them over.
func tenThousand() []string {
	var rows []string
	for i := range 2500 {
		value := "- reason"
		if i%10 == 0 {
			value = fmt.Sprint(noon().Add(-time.Hour).UnixMicro(), " reason")
		}
		rows = append(rows,
			fmt.Sprintf("email:user%d@mail%d.example|%s", i, i%50, value),
			fmt.Sprintf("domain:d%d.spam.example|%s", i, value),
			fmt.Sprintf("ip:10.%d.%d.0/%d|%s", i/256, i%256, 20+i%13, value),
			fmt.Sprintf("name:name%d|%s", i, value))
	}
	return rows
}

const ordinary = "protocol_state=RCPT client_address=203.0.113.25 client_name=mail-ej1-f41.google.com helo_name=mail-ej1-f41.google.com sender=someone@gmail.com recipient=alias+tag@example.com"

func BenchmarkCheck(b *testing.B) {
	c := newCheck(b, tableOf(tenThousand()...), nil)
	q := request(b, ordinary)
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if v, err := c.Check(ctx, q); err != nil || !v.Action.IsDunno() {
			b.Fatal(v, err)
		}
	}
}

func BenchmarkBook(b *testing.B) {
	table := tableOf(tenThousand()...)
	b.ReportAllocs()
	for b.Loop() {
		newBook(1, table.Range)
	}
}

// TestNothingIsAllocated on the way of mail that is fine.
func TestNothingIsAllocated(t *testing.T) {
	c := newCheck(t, tableOf(tenThousand()...), func(o *Options) { o.Now = time.Now })
	q := request(t, ordinary)
	ctx := t.Context()
	if n := testing.AllocsPerRun(1000, func() {
		if v, err := c.Check(ctx, q); err != nil || !v.Action.IsDunno() {
			t.Fatal(v, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
