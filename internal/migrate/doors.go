package migrate

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"postern/internal/config"
)

// checkDoors refuses a postern.yaml that does not listen where main.cf would
// ask: all mail would wait, or pass without a check. Blocks that exist are not
// changed, so the operator has to.
func (p *planner) checkDoors() error {
	c := p.plan.Config
	asked := func(text string) bool {
		return slices.ContainsFunc(p.plan.Edits, func(e Edit) bool { return e.IsSet && strings.Contains(e.New, text) })
	}
	var errs []error
	refuse := func(key, what string) {
		errs = append(errs, fmt.Errorf("%s: %s has no %s, which Postfix would ask: add it there, since a block that exists is not changed", p.options.Config, key, what))
	}
	if at := p.plan.socket(socketmapPath); asked("socketmap:unix:"+socketmapPath+":") && !listens(c.Socketmap.Listen, at) {
		refuse("socketmap.listen", at)
	}
	if asked(gateCheck) && c.Policyd != nil {
		if at := p.plan.socket(policyPath); !listens(c.Policyd.Listen, at) {
			refuse("policyd.listen", at)
		}
		if _, has := c.Policyd.Chains["gate"]; !has {
			refuse("policyd.chains", "chain gate ("+strings.Join(p.gate(), ", ")+")")
		}
	}
	return errors.Join(errs...)
}

// listens reports a listener, or one whose place only systemd knows.
func listens(listeners []config.Listener, at string) bool {
	return slices.ContainsFunc(listeners, func(l config.Listener) bool { return l.At == at || strings.HasPrefix(l.At, "fd:") })
}
