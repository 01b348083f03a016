package config_test

import (
	"errors"
	"io"
	"testing"

	"postern/internal/config"
)

func TestAt(t *testing.T) {
	c, err := config.Parse("dir/postern.yaml", []byte("policyd:\n  listen: [inet:127.0.0.1:1]\n  rate_limits:\n    - {name: a, key: sender, limit: 1/1d}\n    - name: b\n      key: sender\n      limit: 1/1d\n"))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"policyd.rate_limits[0]": "dir/postern.yaml:4: odd",
		"policyd.rate_limits[1]": "dir/postern.yaml:5: odd",
		"policyd.spf":            "dir/postern.yaml:2: odd", // not there: the block
	} {
		if got := c.At(path, errors.New("odd")); got.Error() != want {
			t.Errorf("%s: %v, want %s", path, got, want)
		}
	}
	once := c.At("policyd.rate_limits[0]", errors.New("odd"))
	if c.At("policyd", once) != once || c.At("policyd", nil) != nil || config.Defaults().At("policyd", io.EOF) != io.EOF {
		t.Error("an error has one place, or none")
	}
}
