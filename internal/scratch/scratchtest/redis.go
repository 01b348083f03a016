package scratchtest

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"postern/internal/scratch"
)

// patience is the limit of waiting for what must come.
const patience = 2 * time.Minute

// Redis starts a server for tb.
func Redis(tb testing.TB, opts scratch.RedisOptions) *scratch.Redis {
	tb.Helper()
	r, err := scratch.StartRedis(tb.Context(), opts)
	keep(tb, r, err)
	return r
}

// RedisSentinel starts a Sentinel for tb that knows a master as mymaster.
func RedisSentinel(tb testing.TB, master *scratch.Redis) *scratch.Redis {
	tb.Helper()
	return Redis(tb, scratch.RedisOptions{Master: "127.0.0.1 " + strconv.Itoa(master.Port())})
}

// RedisFailover waits until a Sentinel is ready to make a replica the master,
// and has begun to.
func RedisFailover(tb testing.TB, sentinel *scratch.Redis) {
	tb.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if _, err = redisTry(sentinel, "SENTINEL", "FAILOVER", "mymaster"); err == nil {
			return
		}
	}
	tb.Fatalf("no failover in %v: %v", patience, err)
}

// RedisIsMaster asks a server that may hang up, since it becomes master just now.
func RedisIsMaster(r *scratch.Redis) bool {
	answer, err := redisTry(r, "ROLE")
	role, _ := answer.([]any)
	return err == nil && len(role) > 0 && role[0] == "master"
}

// RedisDo gives a server a command over its unix socket and returns the answer.
func RedisDo(tb testing.TB, r *scratch.Redis, command ...any) any {
	tb.Helper()
	answer, err := redisTry(r, command...)
	if err != nil {
		tb.Fatalf("%v: %v", command, err)
	}
	return answer
}

func redisTry(r *scratch.Redis, command ...any) (any, error) {
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: r.Socket(), Protocol: 2, MaxRetries: -1, DialerRetries: 1,
		DialTimeout: patience, ReadTimeout: patience, WriteTimeout: patience}) // a SAVE may take its time
	defer client.Close()
	return client.Do(context.Background(), command...).Result()
}

// RedisCluster starts a Cluster of n masters for tb, which share the slots.
func RedisCluster(tb testing.TB, n int) []*scratch.Redis {
	tb.Helper()
	nodes := make([]*scratch.Redis, n)
	for i := range nodes {
		nodes[i] = Redis(tb, scratch.RedisOptions{Cluster: true})
		RedisDo(tb, nodes[i], "CLUSTER", "ADDSLOTSRANGE", i*16384/n, (i+1)*16384/n-1)
		if i == 0 {
			continue
		}
		RedisDo(tb, nodes[i], "CLUSTER", "MEET", "127.0.0.1", nodes[0].Port(), nodes[0].Bus())
	}
	for _, node := range nodes {
		awaitCluster(tb, node, n)
	}
	return nodes
}

// awaitCluster waits until a node knows the others.
func awaitCluster(tb testing.TB, node *scratch.Redis, n int) {
	tb.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		info, _ := RedisDo(tb, node, "CLUSTER", "INFO").(string)
		if strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_size:"+strconv.Itoa(n)+"\r") {
			return
		}
		if time.Now().After(end) {
			tb.Fatalf("no Cluster of %d in %v:\n%s", n, patience, info)
		}
	}
}
