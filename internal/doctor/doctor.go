package doctor

import (
	"context"
	"slices"
)

// Kind is a kind of finding: a row of the table in docs/check.md.
type Kind struct {
	Name     string
	Severity Severity
	Means    string // what it does to mail
}

// topic is what is looked at in one file of this package.
type topic struct {
	name  string
	kinds func() []Kind
	check func(context.Context, *Host, *findings)
}

// topics are all checks, in the order of the manual.
func topics() []topic {
	return []topic{
		{"Files that are read", readingKinds, checkReading},
		{"Parameters of main.cf", parameterKinds, checkParameters},
		{"Services of master.cf", serviceKinds, checkServices},
		{"Tables and parameters", tableKinds, checkTables},
		{"Restriction lists", restrictionKinds, checkRestrictions},
		{"The order of lists", orderKinds, checkOrders},
		{"Access tables", accessKinds, checkAccess},
		{"Policy", policyKinds, checkPolicy},
		{"SRS", srsKinds, checkSRS},
		{"Domains and classes", domainKinds, checkDomains},
		{"Milters and OpenDKIM", milterKinds, checkMilters},
		{"Keys of OpenDKIM", signingKinds, checkSigning},
		{"Bounces", bounceKinds, checkBounces},
		{"Secrets", secretKinds, checkSecrets},
		{"Sockets", socketKinds, checkSockets},
		{"Units, folders and the metrics listener", installKinds, checkInstall},
		{"Database", databaseKinds, checkDatabase},
		{"Rows", rowKinds, checkRows},
		{"DNS", dnsKinds, checkDNS},
	}
}

// Examine runs every check and sorts what they find.
func Examine(ctx context.Context, h *Host) []Finding {
	f := &findings{kinds: map[string]Kind{}, literal: literal(h)}
	for _, k := range Kinds() {
		f.kinds[k.Name] = k
	}
	for _, t := range topics() {
		t.check(ctx, h, f)
	}
	Sort(f.list)
	return slices.Clip(f.list)
}

// Kinds lists every kind of finding, for the manual.
func Kinds() []Kind {
	var all []Kind
	for _, t := range topics() {
		all = append(all, t.kinds()...)
	}
	return all
}
