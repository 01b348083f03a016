package greylist

// key names a row. Of a group the sender and owner are empty.
type key struct {
	group         Group
	sender, owner string
}

func (v *Visit) triplet() key { return key{v.Group, v.Sender, v.Owner} }

// row is a triplet, or a group whose passes are counted. Times are Unix
// nanoseconds.
type row struct {
	key
	first   int64
	last    int64 // pass; 0: none
	dies    int64
	count   int      // messages that passed
	message uint64   // of a triplet: that waits, or that passed last
	counted []uint64 // of a group that is not trusted: its messages

	previous, next *row // in its list
}

// waiting reports a triplet that has not passed.
func (r *row) waiting() bool { return r.last == 0 }

// list is rows in the order in which they were last put at its end.
type list struct {
	first, last *row
	length      int
}

func (l *list) put(r *row) {
	r.previous, r.next = l.last, nil
	if l.last == nil {
		l.first = r
	} else {
		l.last.next = r
	}
	l.last = r
	l.length++
}

func (l *list) remove(r *row) {
	if r.previous == nil {
		l.first = r.next
	} else {
		r.previous.next = r.next
	}
	if r.next == nil {
		l.last = r.previous
	} else {
		r.next.previous = r.previous
	}
	r.previous, r.next = nil, nil
	l.length--
}
