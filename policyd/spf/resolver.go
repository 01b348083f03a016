package spf

import (
	"context"
	"errors"
	"net"
	"strings"

	library "blitiri.com.ar/go/spf"
)

// resolver asks another for the library, which takes what it gets literally.
//
// Names are absolute: the search list of resolv.conf(5) would answer for a
// domain that does not exist. Every error but "no such name" is temporary, as
// RFC 7208, section 4.4, has it; the library takes a server that refuses for a
// domain without SPF.
type resolver struct{ dns library.DNSResolver }

func (r resolver) LookupTXT(ctx context.Context, name string) ([]string, error) {
	name, err := absolute(ctx, name)
	if err != nil {
		return nil, err
	}
	found, err := r.dns.LookupTXT(ctx, name)
	return found, asDNSError(name, err)
}

func (r resolver) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	name, err := absolute(ctx, name)
	if err != nil {
		return nil, err
	}
	found, err := r.dns.LookupMX(ctx, name)
	return found, asDNSError(name, err)
}

func (r resolver) LookupIPAddr(ctx context.Context, name string) ([]net.IPAddr, error) {
	name, err := absolute(ctx, name)
	if err != nil {
		return nil, err
	}
	found, err := r.dns.LookupIPAddr(ctx, name)
	return found, asDNSError(name, err)
}

func (r resolver) LookupAddr(ctx context.Context, address string) ([]string, error) {
	found, err := r.dns.LookupAddr(ctx, address)
	return found, asDNSError(address, err)
}

// absolute is a name with the dot of the root. One that macros made too long
// loses labels from the left (RFC 7208, section 7.3). After the end of ctx there
// are no names: the library goes on with its next term.
func absolute(ctx context.Context, name string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", asDNSError(name, err)
	}
	name = strings.TrimSuffix(name, ".")
	for len(name) > 253 {
		_, rest, found := strings.Cut(name, ".")
		if !found {
			break
		}
		name = rest
	}
	if name == "" || strings.ContainsAny(name, "\x00\r\n") {
		return "", &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return name + ".", nil
}

// asDNSError is an error in the one form that the library looks into.
func asDNSError(name string, err error) error {
	if err == nil {
		return nil
	}
	if about := new(net.DNSError); errors.As(err, &about) && about.IsNotFound {
		return about
	}
	return &net.DNSError{UnwrapErr: err, Err: err.Error(), Name: name, IsTemporary: true}
}
