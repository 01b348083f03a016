package counter

import "strconv"

// chargeRequest is what redis_charge.lua is given.
type chargeRequest struct {
	keys      []string
	indexes   map[string]string // in keys, from 1
	arguments []any
}

func newChargeRequest(n *names, debits []Debit, peek bool) *chargeRequest {
	q := &chargeRequest{indexes: make(map[string]string, 4), arguments: make([]any, 0, 2+12*len(debits))}
	q.add(digit(peek), strconv.Itoa(len(debits)))
	for i := range debits {
		q.debit(n, &debits[i])
	}
	return q
}

func (q *chargeRequest) debit(n *names, d *Debit) {
	field, message, unit := n.field(d.Rule, d.Key), "0", ""
	if d.Message != "" {
		message = q.index(n.message(d.Message))
	}
	if d.Unit != "" {
		unit = field + ":" + n.hash(d.Unit)
	}
	q.add(digit(d.Soft), strconv.FormatInt(d.Total, 10), message, field, unit, strconv.Itoa(len(d.Windows)))
	for _, w := range d.Windows {
		q.add(q.index(counterName(field, w.Per)), strconv.FormatInt(w.N, 10), strconv.FormatInt(microseconds(w.Per), 10))
	}
}

func (q *chargeRequest) add(arguments ...string) {
	for _, a := range arguments {
		q.arguments = append(q.arguments, a)
	}
}

// index is the key's in KEYS, where it stands once.
func (q *chargeRequest) index(key string) string {
	index, known := q.indexes[key]
	if !known {
		q.keys = append(q.keys, key)
		index = strconv.Itoa(len(q.keys))
		q.indexes[key] = index
	}
	return index
}

func digit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}
