package postsrsd

import "strings"

// overruled are the options of PostSRSd 1.10 with the variable that wins over
// each: the launcher puts them behind SRS_EXTRA_OPTIONS, and the last counts.
var overruled = map[byte]string{
	'd': "SRS_DOMAIN",
	's': "SRS_SECRET",
	'a': "SRS_SEPARATOR",
	'n': "SRS_HASHLENGTH",
	'N': "SRS_HASHMIN",
	'l': "SRS_LISTEN_ADDR",
	'f': "SRS_FORWARD_PORT",
	'r': "SRS_REVERSE_PORT",
	'u': "RUN_AS",
	'c': "CHROOT",
}

const extras = "SRS_EXTRA_OPTIONS"

// extraOptions reads SRS_EXTRA_OPTIONS as sh and getopt(3) do: blanks part
// words, quotes mean nothing, and options may share a word.
func (d *Defaults) extraOptions() error {
	words := strings.FieldsFunc(d.get(extras), func(r rune) bool { return strings.ContainsRune(" \t\n", r) })
	for len(words) > 0 {
		letters, isOption := strings.CutPrefix(words[0], "-")
		if !isOption || letters == "" || letters == "-" {
			return d.at(extras).errorf("%s: %s is no option: write a domain behind its -X, as in -Xexample.org", extras, shown(words[0]))
		}
		used, err := d.optionWord(letters, words[1:])
		if err != nil {
			return err
		}
		words = words[1+used:]
	}
	return nil
}

// optionWord reads the options of one word; used is 1 if the last of them took
// the next word for its value.
func (d *Defaults) optionWord(letters string, next []string) (used int, err error) {
	for ; letters != ""; letters = letters[1:] {
		letter, rest := letters[0], letters[1:]
		switch {
		case letter == 'X': // its value is optional, so it never takes the next word
			d.exclude(rest)
			return 0, nil
		case letter != 't' && letter != 'p' && overruled[letter] == "":
			if err := d.flag(letter); err != nil {
				return 0, err
			}
			continue
		}
		if rest == "" {
			if len(next) == 0 {
				return 0, d.at(extras).errorf("%s: -%c has no value", extras, letter)
			}
			rest, used = next[0], 1
		}
		d.valued(letter, rest)
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
	case 'e': // reads the variables once more, at this place
		d.setTimeout("SRS_TIMEOUT", d.get("SRS_TIMEOUT"))
		d.PIDFile = d.get("SRS_PID_FILE")
	case 'h', 'v':
		return d.at(extras).errorf("%s: -%c prints a text and starts no daemon: leave it out", extras, letter)
	default:
		return d.at(extras).errorf("%s: there is no option %q: write -A, -t SECONDS, -XDOMAIN, -4, -6 or -p FILE", extras, "-"+string(rune(letter)))
	}
	return nil
}

func (d *Defaults) valued(letter byte, text string) {
	switch letter {
	case 't':
		d.setTimeout(extras, text)
	case 'p':
		d.PIDFile = text
	default:
		d.warn(extras, "%s: -%c has no effect, %s decides: set that", extras, letter, overruled[letter])
	}
}
