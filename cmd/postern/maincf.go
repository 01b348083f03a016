package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"time"

	"postern/internal/config"
)

// readMainCF fills in, from main.cf, what the configuration leaves to it. It
// asks postconf(1), which knows the defaults of the installed version.
func readMainCF(ctx context.Context, p *config.Postfix) error {
	if p.ConfigDirectory == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if p.MyHostname == "" {
		name, err := postconf(ctx, p.ConfigDirectory, "myhostname")
		if err != nil {
			return err
		}
		p.MyHostname = name
	}
	if p.MyOrigin == "" {
		origin, err := postconf(ctx, p.ConfigDirectory, "myorigin")
		if err != nil {
			return err
		}
		p.MyOrigin = origin
	}
	if p.MyDestination == nil {
		destination, err := postconf(ctx, p.ConfigDirectory, "mydestination")
		if err != nil {
			return err
		}
		interfaces, err := postconf(ctx, p.ConfigDirectory, "inet_interfaces")
		if err != nil {
			return err
		}
		proxies, err := postconf(ctx, p.ConfigDirectory, "proxy_interfaces")
		if err != nil {
			return err
		}
		p.MyDestination = append(postfixList(destination), literals(ctx, postfixList(interfaces+" "+proxies))...)
	}
	return nil
}

// literals are the domains [ADDRESS] that are local to Postfix because the
// address is one of inet_interfaces or proxy_interfaces. A name that does not
// resolve has none.
func literals(ctx context.Context, interfaces []string) []string {
	var domains []string
	for _, name := range interfaces {
		for _, address := range addressesOf(ctx, name) {
			if ip, err := netip.ParseAddr(address); err == nil && ip.Is4() {
				domains = append(domains, "["+address+"]")
			} else if err == nil {
				domains = append(domains, "[ipv6:"+ip.WithZone("").String()+"]")
			}
		}
	}
	return domains
}

// addressesOf are the network addresses that one word of inet_interfaces
// stands for.
func addressesOf(ctx context.Context, name string) []string {
	switch name {
	case "all":
		return interfaceAddresses()
	case "loopback-only":
		return []string{"127.0.0.1", "::1"}
	}
	if bare := strings.Trim(name, "[]"); net.ParseIP(bare) != nil {
		return []string{bare}
	}
	found, err := net.DefaultResolver.LookupHost(ctx, name)
	if err != nil {
		return nil
	}
	return found
}

// interfaceAddresses are the addresses of this host.
func interfaceAddresses() []string {
	nets, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var addresses []string
	for _, n := range nets {
		if prefix, err := netip.ParsePrefix(n.String()); err == nil {
			addresses = append(addresses, prefix.Addr().String())
		}
	}
	return addresses
}

// postconf asks for one parameter with its $names expanded.
func postconf(ctx context.Context, dir, name string) (string, error) {
	out, err := exec.CommandContext(ctx, "postconf", "-c", dir, "-x", "-h", name).Output()
	if err != nil {
		return "", badConfig(fmt.Errorf("postfix.config_directory %s: postconf %s: %w: write myorigin and mydestination instead if Postfix is not on this host", dir, name, err))
	}
	return strings.TrimSpace(string(out)), nil
}

// postfixList splits a list as Postfix does, at commas and blanks.
func postfixList(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) })
}
