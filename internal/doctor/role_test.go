package doctor

import "testing"

// postconf -P refuses values with blanks, so a fix has none.
func TestSetOption(t *testing.T) {
	for _, test := range []struct{ value, want string }{
		{"", "postconf -P 'smtp/inet/p='"},
		{"encrypt", "postconf -P 'smtp/inet/p=encrypt'"},
		{"silent-discard, etrn", "postconf -P 'smtp/inet/p=silent-discard,etrn'"},
		{"a b\tc", "postconf -P 'smtp/inet/p=a,b,c'"},
		{"inline:{ {a=b} }", "write -o { p = inline:{ {a=b} } } below smtp/inet in master.cf"},
		{"error:5.1.1 no", "write -o { p = error:5.1.1 no } below smtp/inet in master.cf"},
	} {
		if got := setOption("smtp/inet", "p", test.value); got != test.want {
			t.Errorf("%q: %s", test.value, got)
		}
	}
}
