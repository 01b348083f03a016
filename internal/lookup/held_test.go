package lookup

import (
	"slices"
	"testing"
	"unique"
)

// A flush must not make the longest unused answers look fresh: they are the
// next to go.
func TestExpiryKeepsTheOrderOfUse(t *testing.T) {
	h := newHeld(16)
	mine, other := unique.Make("mine"), unique.Make("other")
	used := []heldKey{{mine, "a"}, {other, "b"}, {mine, "c"}, {mine, "d"}}
	for _, k := range used {
		h.put(k, answer{value: "value of " + k.key, found: true, expires: 100})
	}
	h.get(used[0])
	if n := h.expireAll(mine, 7); n != 3 {
		t.Errorf("%d answers expired, want 3", n)
	}
	if got, want := h.found.lru.Keys(), []heldKey{used[1], used[2], used[3], used[0]}; !slices.Equal(got, want) {
		t.Errorf("least used first: %v, want %v", got, want)
	}
	for _, k := range used {
		want := answer{value: "value of " + k.key, found: true, expires: 7}
		if k.identity == other {
			want.expires = 100
		}
		if got, ok := h.get(k); !ok || got != want {
			t.Errorf("%s: %+v, %v, want %+v", k.key, got, ok, want)
		}
	}
	if h.found.bytes != 4*(1+len("value of x")) {
		t.Errorf("%d bytes are on the books, want those of four answers", h.found.bytes)
	}
}

func TestExpiryOfOneAnswer(t *testing.T) {
	h := newHeld(16)
	k := heldKey{unique.Make("map"), "a"}
	h.put(k, answer{expires: 100})
	if n := h.expire(k, 7); n != 1 {
		t.Errorf("%d answers expired, want 1", n)
	}
	if n := h.expire(k, 50); n != 1 {
		t.Errorf("%d answers expired, want 1", n)
	}
	if got, _ := h.get(k); got.expires != 7 || got.found {
		t.Errorf("%+v: want one that expired at 7 for good and was not found", got)
	}
	if n := h.expire(heldKey{k.identity, "b"}, 7); n != 0 {
		t.Errorf("%d answers expired, want none", n)
	}
}
