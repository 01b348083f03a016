// Package statuspage shows a [status.Snapshot] to people with a browser, and,
// where the operator wants that, asks maps and policy for them.
//
// # What it is made of
//
// One page, made by the server, with its style inside and its charts as inline
// SVG. It needs no script and fetches nothing, reads well on a phone and makes
// sense in a text browser. It comes anew every ten seconds, except where it is
// paused or its form is open.
//
// # The form
//
// With [Ask] set and switched on, GET /?ask shows two forms, and POST / answers
// them: a map and a key become what `postern query --explain` prints, the
// attributes of a policy request what `postern policy --explain` prints. The
// answers hold addresses: where an alias leads, among others. Two questions are
// answered at a time, each within ten seconds; a form has 64 KiB.
//
// # Security
//
// The page names no mail address in full and no secret; texts of others are
// escaped by html/template. Its Content-Security-Policy allows its own style,
// by hash, and nothing else. A form that another site sends is refused
// ([http.CrossOriginProtection]). Against DNS rebinding, a listener on loopback
// answers only requests whose Host is an IP address, localhost or one of its
// names, and the form is held to that wherever it is.
//
// # Known limits
//
// It has no passwords of its own: exporter-toolkit's web configuration, which
// stands before the whole listener, does.
package statuspage
