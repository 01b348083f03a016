//go:build integration

package e2e

import (
	"strings"
	"testing"
)

// oddAddresses are addresses that some server somewhere took for something
// else.
var oddAddresses = []string{
	"", " ", "@", "@@", "a@", "@a", "a", "a@b@c.test", "<>", "<friend@far.test>", `""`, `""@far.test`, `"@far.test`, `"a b"@far.test`, `"a@b"@far.test`, "a b@far.test",
	"a@far test", "a@=", "a@x=y.test", "a=b@far.test", "$myhostname", "a@$myhostname", "a@" + srsDomain, "a@HOME.test", "a@[192.0.2.1]", "a@far.test.", "a@.far.test",
	"\x00", "a\x00@far.test", "a@far.test\x00", "a@far\x00.test", "\xff\xfe", "\xff@far.test", "jörg@münchen.test", "a\n@far.test", "a\r\n@far.test", "a\t@far.test", "%", "a%@far.test", "a%00@far.test",
	"SRS0", "SRS0@" + srsDomain, "SRS0=", "SRS0=@" + srsDomain, "SRS0==@" + srsDomain, "SRS0===@" + srsDomain, "SRS0====@" + srsDomain, "SRS1=@far.test", "SRS1=@" + srsDomain, "SRS1====@" + srsDomain,
	"SRS0=abcd=AA=far.test=a@" + srsDomain, "SRS0=\x00=\x00=\x00=\x00@" + srsDomain, "SRS0=abcd=\xff\xff=far.test=a@" + srsDomain, strings.Repeat("SRS0=", 80) + "a@far.test", strings.Repeat("SRS1=", 80) + "a@" + srsDomain,
	strings.Repeat("x", 300) + "@far.test", "a@" + strings.Repeat("x.", 120) + "test", strings.Repeat("x", 500) + "@far.test", strings.Repeat("@", 400), strings.Repeat("=", 400),
	strings.Repeat("x", 1000), strings.Repeat("x", 1010) + "@far.test", strings.Repeat("x", 10000), strings.Repeat("x", 10000) + "@far.test", "SRS0=" + strings.Repeat("x", 10000) + "@" + srsDomain,
}

// srsFace is a way to ask one of the maps.
type srsFace struct {
	name    string
	reply   func(t *testing.T, key string) string
	reverse func(t *testing.T, key string) string // of the same daemon
	native  bool                                  // what it rewrites comes back
}

// TestSRSOddAddresses asks every face about every odd address, and about a good
// one after each.
func TestSRSOddAddresses(t *testing.T) {
	store := newNativeSRS(t, "", "store: sqlite:{dir}/senders.db").begin(t)
	native, classic, modern := startNativeSRS(t, ""), newClassicSRS(t).begin(t), newModernSRS(t).begin(t)
	var faces []srsFace
	for name, d := range map[string]*srsDaemon{"": native, "with a store, ": store} {
		faces = append(faces, mapFace(name+"maps", d.inet, "srs-forward", "srs-reverse", true), mapFace(name+"maps", d.inet, "srs-reverse", "srs-reverse", true),
			mapFace(name+"as PostSRSd 2", d.map2, "forward", "reverse", true), mapFace(name+"as PostSRSd 2", d.map2, "reverse", "reverse", true),
			tableFace(t, name+"as PostSRSd 1 forward", d.forward, d.reverse, true), tableFace(t, name+"as PostSRSd 1 reverse", d.reverse, d.reverse, true))
	}
	faces = append(faces, mapFace("maps", native.inet, "srs-recipients", "srs-reverse", false),
		mapFace("-C", modern.map2, "forward", "reverse", false), mapFace("-C", modern.map2, "reverse", "reverse", false),
		tableFace(t, "--defaults forward", classic.forward, classic.reverse, false), tableFace(t, "--defaults reverse", classic.reverse, classic.reverse, false))
	for _, f := range faces {
		t.Run(f.name, func(t *testing.T) {
			good := f.reply(t, "friend@far.test")
			for _, key := range oddAddresses {
				f.check(t, key, f.reply(t, key))
				if again := f.reply(t, "friend@far.test"); again != good {
					t.Fatalf("after %.60q: %q, before %q", key, again, good)
				}
			}
		})
	}
	t.Run("in words", func(t *testing.T) {
		for _, test := range []struct{ key, maps, c, defaults string }{
			{"<>", "NOTFOUND No domain.", "NOTFOUND No domain.", "500 No at sign in sender address"},
			{"$myhostname", "NOTFOUND No domain.", "NOTFOUND No domain.", "500 No at sign in sender address"},
			{"", "NOTFOUND No domain.", "NOTFOUND No domain.", "500 Invalid request\n(closed)"},
			{`""@far.test`, "NOTFOUND Address cannot be carried in an SRS address.", "OK SRS0=", `200 SRS0=`},
			{"a@b@c.test", "NOTFOUND Address cannot be carried in an SRS address.", "OK SRS0=", "200 SRS0="},
			{"a\x00@far.test", "NOTFOUND Address cannot be carried in an SRS address.", "NOTFOUND No domain.", "500 No at sign in sender address"},
			{strings.Repeat("x", 503) + "@far.test", "NOTFOUND Buffer too small.", "OK SRS0=", "200 SRS0="},
			{strings.Repeat("x", 504) + "@far.test", "NOTFOUND Buffer too small.", "PERM Too big.", "200 SRS0="},
			{strings.Repeat("x", 10240) + "@far.test", "PERM malformed: netstring length: over the limit", "PERM Invalid query.", "500 Invalid request\n(closed)"},
		} {
			table := openRawTable(t, classic.forward)
			for _, face := range []struct{ name, got, want string }{
				{"maps", native.asker().must(t, "srs-forward", test.key), test.maps},
				{"-C", modern.map2Asker().must(t, "forward", test.key), test.c},
				{"--defaults", table.ask(t, get(test.key)), test.defaults},
			} {
				if !strings.HasPrefix(face.got, face.want) {
					t.Errorf("%s: %.60q (%d bytes): %.200q, want %q", face.name, test.key, len(test.key), face.got, face.want)
				}
			}
		}
	})
	for _, d := range []*srsDaemon{native, store, classic, modern} {
		if strings.Contains(d.log(), "panic") || strings.Contains(d.log(), "level=ERROR") {
			t.Errorf("log of postern:\n%s", tail(d.log(), 3000))
		}
	}
}

// check: a reply says yes or no, or what is wrong with the request; there is
// no trouble here. What the native face rewrites is an address that it turns
// back into the same.
func (f srsFace) check(t *testing.T, key, reply string) {
	t.Helper()
	word, value, _ := strings.Cut(reply, " ")
	switch {
	case word == "OK" && value == key: // as PostSRSd 1.x leaves an address as it is
	case word == "OK" && f.native && !strings.HasSuffix(f.name, "reverse"):
		if strings.Contains(f.name, "PostSRSd") {
			key, _, _ = strings.Cut(key, "\x00") // where it ends for PostSRSd
		}
		if back := f.reverse(t, value); back != "OK "+key {
			t.Errorf("%.60q (%d bytes) is rewritten to %.100q, which comes back as %.100q", key, len(key), value, back)
		}
	case word == "OK":
	case word == "NOTFOUND", word == "PERM" && value != "":
	default:
		t.Errorf("%.60q (%d bytes): %.200q", key, len(key), reply)
	}
}

// mapFace is a map of a socketmap.
func mapFace(what, addr, name, reverse string, native bool) srsFace {
	a := &asker{network: "tcp", addr: addr}
	ask := func(name string) func(*testing.T, string) string {
		return func(t *testing.T, key string) string { t.Helper(); return a.must(t, name, key) }
	}
	return srsFace{what + " " + name, ask(name), ask(reverse), native}
}

// tableFace is a tcp table; its replies are worded as those of a socketmap.
func tableFace(t *testing.T, name, addr, reverse string, native bool) srsFace {
	ask := func(addr string) func(*testing.T, string) string {
		table := openRawTable(t, addr)
		return func(t *testing.T, key string) string {
			t.Helper()
			reply := table.ask(t, get(key))
			switch {
			case strings.HasPrefix(reply, "200 "):
				return "OK " + value(reply)
			case reply == "500 Invalid request\n(closed)":
				return "PERM " + reply
			}
			return strings.Replace(reply, "500 ", "NOTFOUND ", 1)
		}
	}
	return srsFace{name, ask(addr), ask(reverse), native}
}

// TestSRSHostileBytes sends what is no request to every listener of every
// daemon: it is refused, or not answered at all, and the others do not notice.
func TestSRSHostileBytes(t *testing.T) {
	native, classic, modern := startNativeSRS(t, ""), newClassicSRS(t).begin(t), newWatchedSRS(t).begin(t)
	milted := startSRSHost(t, "", milterWiring(native))
	kept, s := modern.steadySRS(t, 2)
	for _, l := range []struct{ name, addr, refusal string }{
		{"native forward", native.forward, "500 Invalid request\n"}, {"native reverse", native.reverse, "500 Invalid request\n"},
		{"--defaults forward", classic.forward, "500 Invalid request\n"}, {"--defaults reverse", classic.reverse, "500 Invalid request\n"},
		{"native socketmap", native.map2, frame("PERM Invalid query.")}, {"-C socketmap", modern.map2, frame("PERM Invalid query.")},
		{"native milter", native.milter, ""}, {"-C milter", modern.milter, ""},
	} {
		for _, bytes := range []string{
			"\n", "\x00", "\x00\n", "-1:x,", "0:,", ":,", "9999999999:x", "5:a b c;", "2000:" + strings.Repeat("x", 2000) + ",", "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
			"EHLO x\r\n", "put a b\n", "get %zz\n", "get\n", strings.Repeat("x", 100000), strings.Repeat("\xff", 70000), "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
			"\x00\x00\x00\x01Z", "\x00\x00\x00\x00", "\x7f\xff\xff\xffM<a@far.test>\x00", "\x00\x00\x00\x0dO\x00\x00\x00\x06\xff\xff\xff\xff\xff\xff\xff\xff",
		} {
			got := provoke(t, l.addr, bytes)
			if got != "" && !strings.HasPrefix(got, l.refusal) {
				t.Errorf("%s: %.40q: reply %.200q, want %q and the end", l.name, bytes, got, l.refusal)
			}
			if l.refusal != "" && got == "" {
				t.Errorf("%s: %.40q: no reply", l.name, bytes)
			}
		}
	}
	wantRewritten(t, milted.forwards(t, "friend@far.test", "info@fwd.test"), "SRS0", "=far.test=friend")
	s.flows(t, 20)
	if kept[0].dials != 1 {
		t.Error("the connection of another was dropped")
	}
	s.stop(t, "beside hostile bytes")
	for _, d := range []*srsDaemon{native, classic, modern} {
		if strings.Contains(d.log(), "panic") {
			t.Errorf("log of postern:\n%s", tail(d.log(), 3000))
		}
	}
}

// TestSRSOddMail sends mail with odd envelopes through Postfix. What it takes
// goes out with an SRS sender or with the sender as it was, and nothing else.
func TestSRSOddMail(t *testing.T) {
	d := startNativeSRS(t, "")
	main := canonicalWiring(d.socketmap("srs-forward"), d.socketmap("srs-reverse"))
	main["smtpd_recipient_restrictions"] = "check_recipient_access " + d.socketmap("srs-recipients")
	main["strict_rfc821_envelopes"] = "no"
	byMaps, byMilter := startSRSHost(t, "", main), startSRSHost(t, "", milterWiring(d))
	for _, h := range []*srsHost{byMaps, byMilter} {
		for _, sender := range []string{
			`"john doe"@far.test`, `"a@b"@far.test`, "a@[192.0.2.1]", "a=b@far.test", "a%b@far.test", "a!b@far.test", "$myhostname@far.test",
			"SRS0=@far.test", "SRS1=@far.test", "SRS1=a@far.test", "SRS0@far.test", "srs0+a=b=c=d@far.test", strings.Repeat("x", 64) + "@" + strings.Repeat("x.", 60) + "test",
		} {
			came := h.forwards(t, sender, "info@fwd.test")
			if came.Sender == sender && strings.ContainsAny(sender, `"[`) {
				continue // there is no store for what cannot be embedded
			}
			at := strings.LastIndexByte(sender, '@')
			tag, ending := "SRS0", "="+sender[at+1:]+"="+sender[:at]
			if strings.HasPrefix(sender, "srs0+") || strings.HasPrefix(sender, "SRS0=") {
				tag, ending = "SRS1", "="+sender[at+1:]+"="+sender[4:at]
			}
			wantRewritten(t, came, tag, ending)
		}
	}
}
