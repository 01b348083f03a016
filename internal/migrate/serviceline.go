package migrate

import (
	"maps"
	"slices"
	"strings"

	"postern/internal/postconf"
)

// blanks are what separates the words of master.cf.
const blanks = " \t\r\n"

// wholeServices are the services of master.cf that have to be written whole:
// postconf -P takes no value with blanks, postconf -M a line of any kind.
func wholeServices(edits []Edit) map[string]*postconf.Service {
	whole := map[string]*postconf.Service{}
	for _, e := range edits {
		if e.service != nil && e.IsSet && strings.ContainsAny(e.New, blanks) {
			whole[e.Service] = e.service
		}
	}
	return whole
}

func sortedServices(whole map[string]*postconf.Service) []string {
	return slices.Sorted(maps.Keys(whole))
}

// serviceLine is the line of a service, as it was before all edits, with those
// of its edits in it.
func serviceLine(s *postconf.Service, edits []Edit) string {
	args := slices.Clone(s.Args)
	for _, e := range edits {
		if e.Service == s.ID() {
			args = edited(args, e)
		}
	}
	words := slices.Clone(s.Fields[:])
	for _, arg := range args {
		if strings.ContainsAny(arg, blanks) || arg == "" || strings.HasPrefix(arg, "{") {
			arg = "{ " + arg + " }"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}

// edited are the arguments of a service with one edit: in the place of the
// last -o for its name, else before all others, since arguments of the
// command may follow the options.
func edited(args []string, e Edit) []string {
	at := -1
	for i := 1; i < len(args); i++ {
		if args[i-1] == "-o" && strings.HasPrefix(args[i], e.Name+"=") {
			at = i
		}
	}
	switch {
	case at < 0 && e.IsSet:
		return slices.Insert(args, 0, "-o", e.Name+"="+e.New)
	case at >= 0 && e.IsSet:
		args[at] = e.Name + "=" + e.New
	case at >= 0:
		return slices.Delete(args, at-1, at+1)
	}
	return args
}
