package redisserver

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Options say how servers are spoken to.
type Options struct {
	// Timeout of a dial, of a read and of a write. A command's context may
	// end it sooner. 0: 2 s.
	Timeout time.Duration

	// PoolSize is how many commands run at once, on each node of a Cluster. 0: 8.
	PoolSize int

	// Retries of a command whose connection failed. The server may have done
	// it already, so only a command that may be done twice has any.
	Retries int

	// Roots are the authorities that a server's certificate is verified by.
	// nil: the system's.
	Roots *x509.CertPool
}

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = 2 * time.Second
	}
	if o.PoolSize <= 0 {
		o.PoolSize = 8
	}
	if o.Retries <= 0 {
		o.Retries = -1
	}
	return o
}

// Client speaks to the servers. It connects nothing yet; close it after use.
func (l Location) Client(o Options) redis.UniversalClient {
	o = o.withDefaults()
	d := dialer{location: l, timeout: o.Timeout, tls: l.tls(o)}
	if l.kind.cluster {
		return redis.NewClusterClient(l.clusterOptions(o, d))
	}
	return redis.NewClient(l.clientOptions(o, d))
}

func (l Location) tls(o Options) *tls.Config {
	if !l.kind.tls {
		return nil
	}
	host, _, _ := net.SplitHostPort(l.servers[0])
	return &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, RootCAs: o.Roots}
}

// idleLimit is how long a connection that nobody needs is kept.
const idleLimit = 5 * time.Minute

// clientOptions are those of a small pool. RESP2 is all that few commands need.
func (l Location) clientOptions(o Options, d dialer) *redis.Options {
	if l.master != "" && o.Retries > 0 {
		o.Retries = o.PoolSize // every connection may lead to a master that was demoted
	}
	return &redis.Options{
		Network: l.network, Addr: l.servers[0], Dialer: d.dial,
		Username: l.user, Password: l.password, DB: l.database, Protocol: 2,
		PoolSize: o.PoolSize, MaxActiveConns: o.PoolSize, PoolTimeout: o.Timeout, PipelinePoolSize: -1, ConnMaxIdleTime: idleLimit,
		MaxRetries: o.Retries, MinRetryBackoff: 10 * time.Millisecond, MaxRetryBackoff: 10 * time.Millisecond,
		DialTimeout: o.Timeout, ReadTimeout: o.Timeout, WriteTimeout: o.Timeout, ContextTimeoutEnabled: true,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

// clusterOptions: the library's routing policies would ask the servers for
// their list of commands first, for up to 5 s and whatever the context says.
func (l Location) clusterOptions(o Options, d dialer) *redis.ClusterOptions {
	return &redis.ClusterOptions{
		Addrs: l.servers, Dialer: d.dial,
		Username: l.user, Password: l.password, Protocol: 2,
		PoolSize: o.PoolSize, MaxActiveConns: o.PoolSize, PoolTimeout: o.Timeout, PipelinePoolSize: -1, ConnMaxIdleTime: idleLimit,
		MinRetryBackoff: 10 * time.Millisecond, MaxRetryBackoff: 10 * time.Millisecond,
		DialTimeout: o.Timeout, ReadTimeout: o.Timeout, WriteTimeout: o.Timeout, ContextTimeoutEnabled: true,
		DisableIdentity: true, DisableRoutingPolicies: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}
