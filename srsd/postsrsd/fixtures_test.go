package postsrsd

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// files are the fixtures of a folder of testdata, by their ending.
func files(t *testing.T, folder, ending string) []string {
	t.Helper()
	found, err := filepath.Glob("testdata/" + folder + "/*" + ending)
	if err != nil || len(found) == 0 {
		t.Fatalf("no fixtures in %s: %v", folder, err)
	}
	return found
}

// beside is the text of the file that goes with a fixture.
func beside(t *testing.T, file, ending string) string {
	t.Helper()
	text, err := os.ReadFile(strings.TrimSuffix(file, filepath.Ext(file)) + ending)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// complaint checks that an error names its place and is the expected one.
func complaint(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil {
		t.Fatal("accepted")
	}
	if _, ok := errors.AsType[*Error](err); !ok {
		t.Errorf("%T is no *Error", err)
	}
	if err.Error() != want {
		t.Errorf("\n got %s\nwant %s", err, want)
	}
}

func TestGoodConf(t *testing.T) {
	t.Setenv("POSTSRSD_TEST_DOMAIN", "env.example.org")
	for _, file := range files(t, "conf/good", ".conf") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			c, err := ReadConf(file)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.TrimSpace(canonical(c) + notes(c.Local, c.Warnings))
			if want := beside(t, file, ".want"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestBadConf(t *testing.T) {
	for _, file := range files(t, "conf/bad", ".conf") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, err := ReadConf(file)
			complaint(t, err, beside(t, file, ".err"))
		})
	}
}

// postfixSays is a mydomain for tests.
func postfixSays(answer string, err error) func() (string, error) {
	return func() (string, error) { return answer, err }
}

func TestGoodDefaults(t *testing.T) {
	for _, file := range files(t, "defaults/good", ".defaults") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			d, err := ReadDefaults(file, []string{"HOST=mx1", "SRS_SECRET=/environment"}, postfixSays("asked.example\n", nil))
			if err != nil {
				t.Fatal(err)
			}
			got := strings.TrimSpace(canonicalDefaults(d) + notes(d.Exclude, d.Warnings))
			if want := beside(t, file, ".want"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestBadDefaults(t *testing.T) {
	for _, file := range files(t, "defaults/bad", ".defaults") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, err := ReadDefaults(file, nil, postfixSays("localdomain", nil))
			complaint(t, err, beside(t, file, ".err"))
		})
	}
}
