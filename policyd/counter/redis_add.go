package counter

import (
	"context"
	_ "embed"
	"errors"
	"strconv"
	"strings"
	"time"

	"postern/internal/redisserver"
)

//go:embed redis_add.lua
var addScript string

//go:embed redis_beat.lua
var beatScript string

// batchLife is how long a batch is known to have been added.
const batchLife = 24 * time.Hour

// addOnce adds levels to their counters, unless the batch of this id was added
// before. On an error it may have been; see refused.
func (r *Redis) addOnce(ctx context.Context, id string, levels []Level) error {
	keys := []string{batchName(id)}
	arguments := []any{strconv.Itoa(int(batchLife.Seconds()))}
	for _, l := range levels {
		keys = append(keys, counterName(r.names.field(l.Rule, l.Key), l.Window.Per))
		arguments = append(arguments, strconv.FormatInt(l.Units, 10),
			strconv.FormatInt(microseconds(l.Window.Per), 10), strconv.FormatInt(l.Window.N, 10))
	}
	_, err := r.run(ctx, r.adding, keys, arguments)
	return err
}

// refused reports whether the server said that it did not do what was asked.
func refused(err error) bool { return redisserver.Refusal(err) != "" }

// crowd are the hosts that share the counters.
type crowd struct {
	hosts  int // at least 1
	others int // of them, that hash by another secret: they do not share
}

// beat says that a host is here, and counts those that did within life.
func (r *Redis) beat(ctx context.Context, host string, life time.Duration) (crowd, error) {
	reply, err := r.run(ctx, r.beating, []string{hostsName}, []any{r.names.by + ":" + host, strconv.Itoa(int(life.Seconds()))})
	if err != nil {
		return crowd{}, err
	}
	members, ok := reply.([]any)
	if !ok || len(members) == 0 {
		err := errors.New("the reply to the heartbeat is malformed")
		return crowd{}, &RedisError{cause: err.Error(), err: err}
	}
	var c crowd
	for _, m := range members {
		name, _ := m.(string)
		if strings.HasPrefix(name, r.names.by+":") {
			c.hosts++
		} else {
			c.others++
		}
	}
	return c, nil
}

// leave takes a host off the list.
func (r *Redis) leave(ctx context.Context, host string) error {
	return r.client.ZRem(ctx, hostsName, r.names.by+":"+host).Err()
}
