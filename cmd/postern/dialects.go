package main

import (
	"postern/internal/lookup"
	"postern/socketmap"
	"postern/tcptable"
)

// classicHandler speaks tcp_table as PostSRSd 1.10 does.
func classicHandler(name string, m lookup.Map) *tcptable.Handler {
	return &tcptable.Handler{
		Map: m, Name: name,
		Limits:    tcptable.Limits{Request: 1023}, // Debian's build takes one less
		Malformed: "500 Invalid request",
		LowerHex:  true,
		Dialect:   tcptable.Dialect{CStrings: true, RawValues: true},
	}
}

// modernHandler speaks socketmap as PostSRSd 2.4 does.
func modernHandler(maps func() lookup.Set) *socketmap.Handler {
	return &socketmap.Handler{
		Maps: maps,
		// PostSRSd cuts a reply of more than 1023 bytes, and an address with it;
		// one that long takes an SRS domain that no DNS would serve.
		Limits:  socketmap.Limits{Request: 1023, Key: 512},
		Words:   socketmap.Words{Malformed: "Invalid query.", LongKey: "Too big.", UnknownMap: "Invalid map."},
		Dialect: socketmap.Dialect{CStrings: true, LengthFirst: true, RawValues: true},
	}
}
