package counter

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// twoDebits are what a mail costs with the usual two rules.
func twoDebits(key, message string) []Debit {
	return []Debit{
		{Rule: "login", Key: key, Windows: per(1<<60, time.Hour), Total: 1, Message: message},
		{Rule: "alias-owner", Key: "mailbox@example.net", Windows: per(1<<60, time.Hour), Total: 1, Message: message},
	}
}

func charge(tb testing.TB, m *Memory, debits []Debit, outcomes []Outcome) {
	if err := m.Charge(context.Background(), debits, outcomes, false); err != nil {
		tb.Fatal(err)
	}
}

func BenchmarkCharge(b *testing.B) {
	for name, message := range map[string]string{"no message": "", "paid": "mx1 1a2b.65f0c1d2.3e4f5.0"} {
		b.Run(name, func(b *testing.B) {
			m := NewMemory(MemoryOptions{})
			debits, outcomes := twoDebits("user@example.org", message), make([]Outcome, 2)
			b.ReportAllocs()
			for b.Loop() {
				charge(b, m, debits, outcomes)
			}
		})
	}
	b.Run("new messages", func(b *testing.B) {
		m := NewMemory(MemoryOptions{})
		messages := make([]string, 1<<16)
		for i := range messages {
			messages[i] = fmt.Sprintf("mx1 1a2b.65f0c1d2.%x.0", i)
		}
		debits, outcomes := twoDebits("user@example.org", ""), make([]Outcome, 2)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			debits[0].Message, debits[1].Message = messages[i%len(messages)], messages[i%len(messages)]
			charge(b, m, debits, outcomes)
		}
	})
	b.Run("a million keys", func(b *testing.B) {
		m := NewMemory(MemoryOptions{})
		keys := fill(b, m, 900_000)
		debits, outcomes := twoDebits("", ""), make([]Outcome, 2)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			debits[0].Key = keys[i*7919%len(keys)]
			charge(b, m, debits, outcomes)
		}
	})
	b.Run("flood", func(b *testing.B) {
		m := NewMemory(MemoryOptions{MaxKeys: 100_000})
		debits, outcomes := twoDebits("", ""), make([]Outcome, 2)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			debits[0].Key = strconv.Itoa(i)
			charge(b, m, debits, outcomes)
		}
	})
}

func BenchmarkChargeParallel(b *testing.B) {
	m := NewMemory(MemoryOptions{})
	keys := fill(b, m, 1000)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		debits, outcomes := twoDebits("", "mx1 1a2b.65f0c1d2.3e4f5.0"), make([]Outcome, 2)
		for i := 0; pb.Next(); i++ {
			debits[0].Key = keys[i%len(keys)]
			charge(b, m, debits, outcomes)
		}
	})
}

// fill charges so many keys.
func fill(tb testing.TB, m *Memory, n int) (keys []string) {
	debit, outcomes := []Debit{{Rule: "login", Windows: per(500, 24*time.Hour), Total: 1}}, make([]Outcome, 1)
	for i := range n {
		keys = append(keys, fmt.Sprintf("user-%07d@example.org", i))
		debit[0].Key = keys[i]
		charge(tb, m, debit, outcomes)
	}
	return keys
}

func BenchmarkSave(b *testing.B) {
	m, path := NewMemory(MemoryOptions{}), filepath.Join(b.TempDir(), "state")
	fill(b, m, 1_000_000)
	for b.Loop() {
		if err := m.Save(path); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	m, path := NewMemory(MemoryOptions{}), filepath.Join(b.TempDir(), "state")
	fill(b, m, 1_000_000)
	if err := m.Save(path); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if n := Open(path, MemoryOptions{}).Len(); n != 1_000_000 {
			b.Fatal(n)
		}
	}
}
