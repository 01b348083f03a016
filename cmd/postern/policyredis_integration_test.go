//go:build integration

package main

import (
	"testing"

	"postern/internal/scratch"
)

// TestRedisScripts plays command lines of testdata/redis with a Redis server
// at $REDIS.
func TestRedisScripts(t *testing.T) {
	redis, err := scratch.StartRedis(t.Context(), scratch.RedisOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = redis.Stop() }) // scripts run in parallel, behind the end of this function
	playScripts(t, "testdata/redis", "REDIS="+redis.Addr())
}
