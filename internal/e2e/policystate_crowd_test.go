//go:build integration

package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// TestPolicyManyClients: 200,000 clients are counted in the memory of 10,000,
// and who was over its limit stays over.
func TestPolicyManyClients(t *testing.T) {
	const crowd, senders = 200000, 4
	d := startPolicyDaemon(t, "", append(clientLimit("3/52w"), "state_keys: 10000")...)
	for range 4 {
		d.answer(t, "client_address=192.0.2.99")
	}
	d.want(t, "450 4.7.1 ", "client_address=192.0.2.99")
	before := d.resident(t, "VmHWM")
	var group sync.WaitGroup
	for sender := range senders {
		group.Go(func() { flood(t, d.at, sender, crowd/senders) })
	}
	group.Wait()
	grown := d.resident(t, "VmHWM") - before
	t.Logf("%d clients took %d MiB", crowd, grown>>20)
	if grown > 64<<20 {
		t.Errorf("%d clients took %d MiB, with room for 10,000", crowd, grown>>20)
	}
	if n := d.metric(t, "postern_policy_counters"); n != 10000 {
		t.Errorf("%v counters, want 10,000", n)
	}
	d.want(t, "450 4.7.1 ", "client_address=192.0.2.99")
}

// flood sends mails of n clients ahead, each of which must pass.
func flood(t *testing.T, addr string, sender, n int) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(2 * patience))
	var group sync.WaitGroup
	group.Go(func() {
		w := bufio.NewWriter(conn)
		for i := range n {
			io.WriteString(w, policyText(fmt.Sprintf("client_address=10.%d.%d.%d", sender<<4|i>>16, i>>8&255, i&255)))
		}
		w.Flush() // an error is one of reading, too
	})
	r := bufio.NewReader(conn)
	for i := range n {
		action, err := r.ReadString('\n')
		if _, emptyErr := r.ReadString('\n'); err != nil || emptyErr != nil || action != "action=DUNNO\n" {
			t.Errorf("client %d of %d: %q, %v", i, sender, action, err)
			conn.Close()
			break
		}
	}
	group.Wait()
}
