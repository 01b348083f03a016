package policyd

import "context"

// Check is one link of a chain. An error is trouble of ours and never a reason
// to refuse mail for good; see Fail.
type Check interface {
	Check(ctx context.Context, q *Request) (Verdict, error)
}

// Charger is the second half of a check that costs or remembers something. It
// is asked after every check of the chain let the mail pass, so that nothing
// is charged for mail that postern refuses. Its verdict may still refuse.
type Charger interface {
	Charge(ctx context.Context, q *Request) (Verdict, error)
}

// Verdict is what a check says of a request. The zero value lets it pass.
type Verdict struct {
	Action Action
	Rule   string // the rule that decided, where a check has several: a label, never an address
	Reason string // what was found, for the log

	// Routine is set for what most mail gets, such as a header: it is logged at
	// level debug.
	Routine bool

	// Charge is asked in the end; nil costs nothing.
	Charge Charger

	// Remember is asked after every Charge let the mail pass, too, and never
	// refuses: a check learns there from mail that postern took. Nil: nothing.
	Remember Charger

	// Answered, unless nil, is called when Action has become the answer to
	// Postfix: not where another check refuses, in shadow, or for Peek. A check
	// that does something once per message learns there that it is done.
	Answered func()

	// Shadow are verdicts that are counted and logged and do not act: of rules
	// in shadow mode.
	Shadow []Verdict
}
