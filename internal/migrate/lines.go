package migrate

import "strings"

// Switch is the shell lines that do what Apply does to main.cf and
// master.cf.
func (p *Plan) Switch() []string {
	return commands(p.options.Dir, p.Edits)
}

// WayBack is the shell lines that undo Switch: they write every old value as
// it was.
func (p *Plan) WayBack() []string {
	return commands(p.options.Dir, p.undone())
}

// undone are the edits that lead back.
func (p *Plan) undone() []Edit {
	var back []Edit
	for _, e := range p.Edits {
		back = append(back, e.back())
	}
	return back
}

// commands are postconf(1) command lines for edits. Between two of them
// Postfix would run with half of the change, so each file has one for what is
// set.
func commands(dir string, edits []Edit) []string {
	var lines []string
	for _, group := range groups(edits) {
		line := "postconf -c " + quote(absolute(dir)) + " " + group.option
		for _, arg := range group.args {
			line += " \\\n    " + quote(arg)
		}
		lines = append(lines, line)
	}
	return lines
}

// editGroup is one run of postconf(1).
type editGroup struct {
	option string // -e, -X, -M, -P, -PX
	args   []string
}

func groups(edits []Edit) []editGroup {
	byOption := map[string][]string{}
	whole := wholeServices(edits)
	for _, id := range sortedServices(whole) {
		byOption["-M"] = append(byOption["-M"], id+"="+serviceLine(whole[id], edits))
	}
	for _, e := range edits {
		switch {
		case whole[e.Service] != nil: // -M has it
		case e.Service == "" && e.IsSet:
			byOption["-e"] = append(byOption["-e"], e.Name+" = "+e.New)
		case e.Service == "":
			byOption["-X"] = append(byOption["-X"], e.Name)
		case e.IsSet:
			byOption["-P"] = append(byOption["-P"], e.Service+"/"+e.Name+" = "+e.New)
		default:
			byOption["-PX"] = append(byOption["-PX"], e.Service+"/"+e.Name)
		}
	}
	var all []editGroup
	for _, option := range []string{"-e", "-X", "-M", "-P", "-PX"} {
		if args := byOption[option]; args != nil {
			all = append(all, editGroup{option, args})
		}
	}
	return all
}

// quote is a word for sh(1).
func quote(word string) string {
	if word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// Ready is the lines that start the new side once its files are there, and
// before Postfix asks it.
func (p *Plan) Ready() []string {
	steps := []string{"install -d -o postern -g postfix -m 0750 " + quote(p.queue+"/postern")}
	for _, f := range p.Files {
		steps = append(steps, "chown postern:postern "+quote(f.Path))
	}
	if p.srs == takesOver {
		steps = append(steps, "systemctl disable --now postsrsd")
	}
	if p.running {
		steps = append(steps, "systemctl reload-or-restart postern")
	}
	return append(steps, "systemctl enable --now postern")
}

// Finish is the lines that complete the switch.
func (p *Plan) Finish() []string {
	steps := []string{p.reload()}
	if p.srs == standsBeside {
		steps = append(steps, "systemctl disable --now postsrsd")
	}
	return steps
}

// reload has Postfix read main.cf and master.cf again.
func (p *Plan) reload() string {
	return "postfix -c " + quote(absolute(p.options.Dir)) + " reload"
}

// StepsBack are the lines that let Postfix and PostSRSd go on as before, to
// be run after those of WayBack.
func (p *Plan) StepsBack() []string {
	switch {
	case p.shared:
		return []string{p.reload()}
	case p.srs == takesOver:
		return []string{p.reload(), "systemctl disable --now postern", "systemctl enable --now postsrsd"}
	case p.srs == standsBeside:
		return []string{"systemctl enable --now postsrsd", p.reload(), "systemctl disable --now postern"}
	}
	return []string{p.reload(), "systemctl disable --now postern"}
}

// srsSwitch is when PostSRSd leaves.
type srsSwitch int

const (
	noSRS        srsSwitch = iota
	takesOver              // postern listens at its addresses: before postern starts
	standsBeside           // it has a socket of its own: when nobody asks it any more
)
