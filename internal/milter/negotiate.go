package milter

import (
	"encoding/binary"
	"fmt"

	gomilter "github.com/emersion/go-milter"
)

// oldest is the version that go-milter speaks, to newer peers as well.
const oldest = 2

// negotiate looks at what the MTA offers before go-milter answers, which does
// not look.
func (f *front) negotiate(n int) error {
	if f.negotiated {
		f.skip(n)
		f.session.OutOfOrder("option negotiation")
		f.answer(byte(gomilter.ActTempFail))
		return nil
	}
	if n < 12 {
		return fmt.Errorf("option negotiation: %d bytes: want at least 12", n)
	}
	data := f.payload(12)
	f.skip(n - 12)
	if f.over {
		return nil
	}
	version, offered := binary.BigEndian.Uint32(data), gomilter.OptAction(binary.BigEndian.Uint32(data[4:]))
	if err := suits(version, offered, f.options.Actions); err != nil {
		f.answer(byte(gomilter.ActTempFail))
		return err
	}
	f.negotiated = true
	return f.pass(gomilter.CodeOptNeg, data)
}

// suits tells what is missing.
func suits(version uint32, offered, needed gomilter.OptAction) error {
	if version < oldest {
		return fmt.Errorf("option negotiation: version %d: want %d or more (Postfix: milter_protocol = 6)", version, oldest)
	}
	for _, action := range []struct {
		bit  gomilter.OptAction
		name string
	}{
		{gomilter.OptChangeFrom, "change the sender (CHGFROM)"},
		{gomilter.OptAddRcpt, "add recipients (ADDRCPT)"},
		{gomilter.OptRemoveRcpt, "delete recipients (DELRCPT)"},
	} {
		if needed&action.bit != 0 && offered&action.bit == 0 {
			return fmt.Errorf("option negotiation: the MTA does not let a milter %s", action.name)
		}
	}
	return nil
}
