package spf

import (
	"cmp"
	"fmt"
	"log/slog"
	"net"
	"time"

	library "blitiri.com.ar/go/spf"

	"postern/policyd"
)

// Result is what SPF says of a client and a domain (RFC 7208, section 2.6).
type Result = library.Result

// The results.
const (
	None      = library.None      // the domain publishes nothing, or is no domain
	Neutral   = library.Neutral   // the domain does not say
	Pass      = library.Pass      // the client may
	Fail      = library.Fail      // the client may not
	SoftFail  = library.SoftFail  // probably not
	TempError = library.TempError // the DNS did not answer
	PermError = library.PermError // the record cannot be understood
)

// Results are all results.
func Results() []Result { return []Result{None, Neutral, Pass, Fail, SoftFail, TempError, PermError} }

// Act is what is done with mail of a result.
type Act string

// The acts.
const (
	Reject    Act = "reject"  // refuse for good; of fail, softfail and permerror only
	Defer     Act = "defer"   // refuse for now; of the same and temperror
	PrependIt Act = "prepend" // put a Received-SPF header before the message
	LetPass   Act = "pass"    // only count
)

// Limits of Options.
const (
	defaultTimeout  = 5 * time.Second
	maxTimeout      = 15 * time.Second // below the timeout=20s of the shipped main.cf
	defaultCache    = 10_000
	defaultKeep     = 2 * time.Minute
	defaultParallel = 256
)

// Options of the check. A field that is zero has its default.
type Options struct {
	// Actions by result. One that is not named has its default: reject for
	// fail, else pass, which is prepend with Header.
	Actions map[Result]Act

	// Header puts a Received-SPF header before mail that is let pass, but for
	// results that Actions names.
	Header bool

	// Host is the name of this host in the header: myhostname.
	Host string

	// SkipClients are not asked about: hosts that forward to us.
	SkipClients policyd.Networks

	// SkipSenders are not asked about: addresses, domains, and with a leading
	// dot all domains below one. A null sender is known by its HELO name.
	// Anybody can call himself so.
	SkipSenders []string

	// Resolver asks the DNS; nil: the servers of resolv.conf(5). It should heed
	// its context.
	Resolver library.DNSResolver

	// Timeout bounds one evaluation with all its DNS lookups; then it is
	// temperror. 5 s; at most 15 s, for Postfix waits 20 s as wired.
	Timeout time.Duration

	Cache    int           // results kept; 10,000
	Keep     time.Duration // how long; 2 min, and of temperror 10 s at most
	Parallel int           // evaluations at once; 256

	Now     func() time.Time // nil: time.Now
	Metrics *Metrics         // may be nil
	Log     *slog.Logger     // of faults in the library; may be nil
}

// resolve fills in defaults and tells what is wrong.
func (o Options) resolve() (Options, error) {
	for _, n := range []struct {
		name string
		bad  bool
	}{{"timeout", o.Timeout < 0}, {"cache size", o.Cache < 0}, {"cache time", o.Keep < 0}, {"number of evaluations at once", o.Parallel < 0}} {
		if n.bad {
			return o, fmt.Errorf("spf: the %s is negative: leave it out for the default", n.name)
		}
	}
	o.Timeout = cmp.Or(o.Timeout, defaultTimeout)
	o.Cache = cmp.Or(o.Cache, defaultCache)
	o.Keep = cmp.Or(o.Keep, defaultKeep)
	o.Parallel = cmp.Or(o.Parallel, defaultParallel)
	if o.Timeout > maxTimeout {
		return o, fmt.Errorf("spf: timeout %v is too long: write %v at most, for Postfix waits 20s as wired (smtpd_policy_service_timeout) and other checks need time, too", o.Timeout, maxTimeout)
	}
	if o.Resolver == nil {
		o.Resolver = &net.Resolver{PreferGo: true} // getaddrinfo(3) heeds no time limit
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o, nil
}

// actions are the acts of all results.
func (o Options) actions() (map[Result]Act, error) {
	all := map[Result]Act{}
	for _, result := range Results() {
		all[result] = LetPass
		if o.Header {
			all[result] = PrependIt
		}
	}
	all[Fail] = Reject
	for result, act := range o.Actions {
		if _, known := all[result]; !known {
			return nil, fmt.Errorf("spf: result %.40q is not known: write one of %v", string(result), Results())
		}
		if err := allowed(result, act); err != nil {
			return nil, err
		}
		all[result] = act
	}
	return all, nil
}

// allowed tells what is wrong with an act for a result.
func allowed(result Result, act Act) error {
	switch act {
	case PrependIt, LetPass:
		return nil
	case Defer:
		if result == TempError {
			return nil
		}
	case Reject:
		if result == TempError {
			return fmt.Errorf("spf: temperror: reject would refuse mail for good because the DNS did not answer: write defer, prepend or pass")
		}
	default:
		return fmt.Errorf("spf: %s: action %.40q is not known: write one of reject, defer, prepend, pass", result, string(act))
	}
	if result == None || result == Neutral || result == Pass {
		return fmt.Errorf("spf: %s: %s would refuse mail that SPF has nothing against: write prepend or pass", result, act)
	}
	return nil
}
