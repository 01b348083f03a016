package greylist

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"postern/internal/redisserver"
)

var (
	_ Lister   = (*Redis)(nil)
	_ Releaser = (*Redis)(nil)
)

// scanned is how many keys of the database are looked at in one step.
const scanned = 1000

// Entries implements [Lister]. It reads all names of keys in the database, so
// it is for people.
func (r *Redis) Entries(ctx context.Context, limit int) ([]Entry, error) {
	var entries []Entry
	err := r.scan(ctx, keyPrefix+"*", func(client redis.Cmdable, keys []string) (more bool, err error) {
		rows, err := readEntries(ctx, client, keys[:min(len(keys), limit-len(entries))])
		entries = append(entries, rows...)
		return len(entries) < limit, err
	})
	if err != nil {
		return nil, fmt.Errorf("redis: %s", redisserver.Cause(err))
	}
	return entries, nil
}

// Release implements [Releaser].
func (r *Redis) Release(ctx context.Context, sender, owner string, t Terms) (n int, err error) {
	pattern := tripletKey("*", r.sender(sender), r.part("owner", owner))
	err = r.scan(ctx, pattern, func(client redis.Cmdable, keys []string) (more bool, err error) {
		for _, key := range keys {
			if known, err := client.HExists(ctx, key, "p").Result(); err != nil || known {
				if err != nil {
					return false, err
				}
				continue
			}
			waited, err := r.pass.Run(ctx, client, []string{key}, 0, 0, 0, t.PassLifetime.Milliseconds(), "").Int64Slice()
			if err != nil {
				return false, err
			}
			n += int(waited[0])
		}
		return true, nil
	})
	if err != nil {
		return n, fmt.Errorf("redis: %s", redisserver.Cause(err))
	}
	return n, nil
}

// Trust implements [Releaser].
func (r *Redis) Trust(ctx context.Context, g Group, t Terms) error {
	// Each pass that is no known message's counts, and there may be more than enough.
	for range t.AutoPass {
		if _, err := r.Pass(ctx, Visit{Trust: [2]Group{g}}, t); err != nil {
			return err
		}
	}
	return nil
}

// scan gives the keys of a pattern to do, each once, until it wants no more.
func (r *Redis) scan(ctx context.Context, pattern string, do func(redis.Cmdable, []string) (bool, error)) error {
	client, err := r.node(ctx)
	if err != nil {
		return err
	}
	seen := map[string]bool{} // a scan may tell a key twice
	for cursor := uint64(0); ; {
		var page []string
		if page, cursor, err = client.Scan(ctx, cursor, pattern, scanned).Result(); err != nil {
			return err
		}
		page = slices.DeleteFunc(page, func(key string) bool { return seen[key] })
		for _, key := range page {
			seen[key] = true
		}
		if more, err := do(client, page); err != nil || !more || cursor == 0 {
			return err
		}
	}
}

// node is the server that holds all our keys, which is one even in a Cluster.
func (r *Redis) node(ctx context.Context) (redis.Cmdable, error) {
	if cluster, ok := r.options.Client.(*redis.ClusterClient); ok {
		return cluster.MasterForKey(ctx, keyPrefix)
	}
	return r.options.Client, nil
}

// readEntries reads the rows of keys; one that is gone meanwhile is left out.
func readEntries(ctx context.Context, client redis.Cmdable, keys []string) ([]Entry, error) {
	rows := make([]*redis.MapStringStringCmd, len(keys))
	lives := make([]*redis.DurationCmd, len(keys))
	_, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, key := range keys {
			rows[i], lives[i] = p.HGetAll(ctx, key), p.PTTL(ctx, key)
		}
		return nil
	})
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	var entries []Entry
	for i, key := range keys {
		e, ok := entryOf(key, rows[i].Val())
		if life := lives[i].Val(); ok && life > 0 {
			e.Expires = time.Now().Add(life)
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// entryOf reads a row; its names stay what they are.
func entryOf(key string, row map[string]string) (e Entry, ok bool) {
	parts := strings.Split(strings.TrimPrefix(key, keyPrefix), ":")
	switch {
	case len(row) == 0:
		return e, false
	case parts[0] == "g" && len(parts) == 2:
		e.Group = parts[1]
	case parts[0] == "t" && len(parts) == 4:
		e.Group, e.Sender, e.Recipient = parts[1], parts[2], parts[3]
	default:
		return e, false
	}
	if e.Sender == nullSender {
		e.Sender = ""
	}
	numbers := map[string]int64{}
	for name := range row {
		numbers[name], _ = strconv.ParseInt(row[name], 10, 64)
	}
	e.Count = int(numbers["c"])
	if f := numbers["f"]; f != 0 {
		e.FirstSeen = time.UnixMilli(f)
	}
	if p := numbers["p"]; p != 0 {
		e.LastPass, e.Passed = time.UnixMilli(p), true
	}
	return e, true
}
