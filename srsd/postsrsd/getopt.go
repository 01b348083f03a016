package postsrsd

import "strings"

// withValue are the options of PostSRSd 1.10 that take a value, and the
// variable that wins over each: the launcher writes them behind
// SRS_EXTRA_OPTIONS, and the last one counts.
var withValue = map[byte]string{
	'd': "SRS_DOMAIN", 'a': "SRS_SEPARATOR", 'l': "SRS_LISTEN_ADDR", 'f': "SRS_FORWARD_PORT",
	'r': "SRS_REVERSE_PORT", 's': "SRS_SECRET", 'n': "SRS_HASHLENGTH", 'N': "SRS_HASHMIN",
	'u': "RUN_AS", 'c': "CHROOT", 't': "", 'p': "",
}

const extras = "SRS_EXTRA_OPTIONS"

// extraOptions reads SRS_EXTRA_OPTIONS as sh and getopt(3) do: blanks part
// the words, quotes mean nothing, options may share a word.
func (d *Defaults) extraOptions() error {
	words := strings.Fields(d.value(extras))
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		if len(word) < 2 || word[0] != '-' || word == "--" {
			return d.at(extras).errorf("%s: %s is no option: a value of -X stands right behind it, as in -Xexample.org", extras, shown(word))
		}
		used, err := d.cluster(word[1:], words)
		if err != nil {
			return err
		}
		words = words[used:]
	}
	return nil
}

// cluster reads the options of one word; used is 1 if the last one took the
// next word for its value.
func (d *Defaults) cluster(letters string, next []string) (used int, err error) {
	for i := range len(letters) {
		letter, rest := letters[i], letters[i+1:]
		if letter == 'X' {
			d.exclude(rest)
			return 0, nil
		}
		variable, takesValue := withValue[letter]
		if !takesValue {
			if err := d.flag(letter); err != nil {
				return 0, err
			}
			continue
		}
		if rest == "" {
			if len(next) == 0 {
				return 0, d.at(extras).errorf("%s: -%c lacks its value", extras, letter)
			}
			rest, used = next[0], 1
		}
		d.valued(letter, variable, rest)
		return used, nil
	}
	return 0, nil
}

func (d *Defaults) flag(letter byte) error {
	switch letter {
	case '4':
		d.Network = "tcp4"
	case '6':
		d.Network = "tcp6"
	case 'A':
		d.AlwaysRewrite = true
	case 'D':
		d.Daemonize = true
	case 'e':
		d.setTimeout(d.at("SRS_TIMEOUT"), d.value("SRS_TIMEOUT"))
		d.PIDFile = d.value("SRS_PID_FILE")
	case 'h', 'v':
		return d.at(extras).errorf("%s: -%c prints a text and ends the daemon: leave it out", extras, letter)
	default:
		return d.at(extras).errorf("%s: there is no option -%c: PostSRSd 1.x has -A, -t SECONDS, -XDOMAIN, -4 and -6", extras, letter)
	}
	return nil
}

func (d *Defaults) valued(letter byte, variable, value string) {
	switch letter {
	case 't':
		d.setTimeout(d.at(extras), value)
	case 'p':
		d.PIDFile = value
	default:
		d.warn(d.at(extras), "-%c has no effect in %s: set %s", letter, extras, variable)
	}
}
