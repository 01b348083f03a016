package envelope

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/lookup"
)

const (
	// Lifetime is how long a sender is kept after he was last stored: the 22
	// days that an SRS address can be valid (a stamp counts on the day it is
	// made and 21 days more), a day because a renewal within [Options.Renew] is
	// not written, and a day for hosts whose clocks differ.
	Lifetime = 24 * 24 * time.Hour

	// ExactLifetime is PostSRSd's: 1814400 s.
	ExactLifetime = 21 * 24 * time.Hour

	// suffix makes an alias the key that PostSRSd looks for: the address whose
	// host is "1".
	suffix = "@1"

	upkeepEvery = time.Hour
	upkeepRetry = time.Minute
	upkeepLimit = time.Minute // for one round of it
)

// Options say how a store behaves. The zero value is a native store without a
// bound.
type Options struct {
	// Exact has everything done as PostSRSd 2.4 does: reads do not look at the
	// expiry, expired senders are deleted by Open only, and every Put writes.
	Exact bool

	// Lifetime of a sender from his last Put that was written. 0: [Lifetime],
	// with Exact [ExactLifetime].
	Lifetime time.Duration

	// Renew is the age up to which a stored sender is not written again (SQLite
	// only). 0: a day, with Exact none. Lifetime less Renew must exceed the
	// life of an SRS address.
	Renew time.Duration

	// MaxEntries bounds the senders in an SQLite file. 0: no bound, as in
	// PostSRSd. A Redis server is bounded by its own maxmemory.
	MaxEntries int

	// Timeout of one operation. 0: 2 s.
	Timeout time.Duration

	Now     func() time.Time // nil: time.Now
	Log     *slog.Logger     // nil: silence
	Metrics *Metrics         // nil: not counted
}

func (o Options) withDefaults() Options {
	if o.Lifetime <= 0 {
		o.Lifetime = Lifetime
		if o.Exact {
			o.Lifetime = ExactLifetime
		}
	}
	if o.Renew <= 0 && !o.Exact {
		o.Renew = 24 * time.Hour
	}
	if o.Timeout <= 0 {
		o.Timeout = 2 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// rows are the senders, by key.
type rows interface {
	// get may answer any key that put was given. The address is never empty if found.
	get(ctx context.Context, key string) (address string, found bool, err error)
	put(ctx context.Context, key, address string) (result string, err error)
}

// upkeep is what a store needs besides.
type upkeep interface {
	// tend deletes what expired, unless the store is exact, and counts the rest.
	tend(ctx context.Context) error
	count(ctx context.Context) (int64, error)
	close() error
}

// Store keeps original envelope senders. It is safe for concurrent use, by
// several processes too.
type Store struct {
	rows    rows
	upkeep  upkeep
	where   string
	options Options
	entries *atomic.Int64 // when last counted, and what was added since

	closing sync.Once
	stop    context.CancelFunc
	done    chan struct{}
}

// Open prepares the store at a location:
//
//	sqlite:PATH                                                            a file; made if missing, its folder is not
//	redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]                         a server; rediss:// with TLS
//	redis+sentinel://[USER:PASSWORD@]HOST[:PORT][,HOST…]/MASTER[/DATABASE] the master that these Sentinels name
//	redis+cluster://[USER:PASSWORD@]HOST[:PORT][,HOST…]                    a Cluster
//	redis:HOST:PORT, redis:/PATH/TO/SOCKET                                 as PostSRSd writes it
//
// It fails if only a human can help: a malformed location, no folder for the
// file, no right to write it, a file that is no database or a damaged one. A
// locked file, a full disk or a Redis server that is away is a warning in the
// log, and the operations fail until it is over.
func Open(ctx context.Context, at string, o Options) (*Store, error) {
	l, err := parse(at)
	if err != nil {
		return nil, err
	}
	s := &Store{options: o.withDefaults(), where: l.String(), entries: new(atomic.Int64), done: make(chan struct{})}
	if l.path != "" {
		f, err := openFile(ctx, l.path, s.options, s.entries)
		if err != nil {
			return nil, fmt.Errorf("envelope store: %s: %w", s.where, err)
		}
		s.rows, s.upkeep = f, f
	} else {
		r := openServer(l.server, s.options, s.entries)
		s.rows, s.upkeep = r, r
	}
	o.Metrics.add(s)
	background, stop := context.WithCancel(context.Background())
	s.stop = stop
	go s.tendForever(background)
	return s, nil
}

// String is the location, without a password.
func (s *Store) String() string { return s.where }

// Put stores address under alias, or renews its life. The alias is the one
// that [Alias] gives. Trouble is temporary; ErrFull is one kind of it. An
// address longer than [MaxAddress] or an empty one is a permanent error.
func (s *Store) Put(ctx context.Context, alias, address string) error {
	key, ok := canonical(alias)
	switch {
	case !ok:
		return lookup.Permanent(errors.New("envelope store: put: the alias is not 32 characters of 0-9 and A-V"))
	case address == "":
		return lookup.Permanent(errors.New("envelope store: put: the null sender is never stored"))
	case len(address) > MaxAddress:
		return lookup.Permanent(fmt.Errorf("envelope store: put: the address has %d bytes, %d are the most", len(address), MaxAddress))
	}
	return s.run(ctx, "put", func(ctx context.Context) (string, error) {
		return s.rows.put(ctx, key+suffix, address)
	})
}

// Get returns the address stored under alias, in whatever case that comes back
// in. Not found means that the store answered and has none. Trouble is temporary.
func (s *Store) Get(ctx context.Context, alias string) (address string, found bool, err error) {
	key, ok := canonical(alias)
	if !ok {
		return "", false, nil
	}
	err = s.run(ctx, "get", func(ctx context.Context) (string, error) {
		address, found, err = s.rows.get(ctx, key+suffix)
		if found {
			return resultFound, err
		}
		return resultNotFound, err
	})
	return address, found, err
}

// Ping reports whether the store can be read, for readiness.
func (s *Store) Ping(ctx context.Context) error {
	return s.run(ctx, "ping", func(ctx context.Context) (string, error) {
		_, _, err := s.rows.get(ctx, Alias("")+suffix)
		return resultDone, err
	})
}

// Len counts the senders in the store, expired ones that were not yet deleted
// too. On Redis it is the number of keys in the database, whoever made them.
func (s *Store) Len(ctx context.Context) (n int64, err error) {
	err = s.run(ctx, "count", func(ctx context.Context) (string, error) {
		n, err = s.upkeep.count(ctx)
		return resultDone, err
	})
	return n, err
}

// Close ends the upkeep and the connections. Operations under way may fail.
func (s *Store) Close() (err error) {
	s.closing.Do(func() {
		s.options.Metrics.remove(s)
		s.stop()
		<-s.done
		if e := s.upkeep.close(); e != nil {
			err = fmt.Errorf("envelope store: close: %s", cause(e))
		}
	})
	return err
}

// run does one operation within its time, counts it and puts its trouble into words.
func (s *Store) run(parent context.Context, operation string, do func(context.Context) (string, error)) error {
	ctx, cancel := context.WithTimeout(parent, s.options.Timeout)
	defer cancel()
	result, err := do(ctx)
	switch {
	case err == nil:
	case errors.Is(err, ErrFull):
		result = resultFull
	case errors.Is(parent.Err(), context.Canceled):
		result = resultGivenUp
	default:
		result = resultError
	}
	s.options.Metrics.count(s, operation, result)
	if err != nil {
		return &Error{text: "envelope store: " + operation + ": " + cause(err), err: err}
	}
	return nil
}

// tendForever keeps house at once and then every hour; every minute while
// that fails, which is told once.
func (s *Store) tendForever(ctx context.Context) {
	defer close(s.done)
	next := time.NewTimer(0)
	defer next.Stop()
	for failing := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		err := s.tend(ctx)
		if ctx.Err() != nil {
			return
		}
		switch {
		case err != nil && !failing:
			s.options.Log.Warn("envelope store: upkeep fails, tried every minute", "store", s.where, "error", cause(err))
		case err == nil && failing:
			s.options.Log.Info("envelope store: upkeep works again", "store", s.where)
		}
		failing = err != nil
		next.Reset(pauseAfter(err))
	}
}

func pauseAfter(err error) time.Duration {
	if err != nil {
		return upkeepRetry
	}
	return upkeepEvery
}

func (s *Store) tend(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, upkeepLimit)
	defer cancel()
	err := s.upkeep.tend(ctx)
	result := resultDone
	if err != nil {
		result = resultError
	}
	s.options.Metrics.count(s, "sweep", result)
	return err
}
