package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/config"
	"postern/internal/nearest"
	"postern/policyd"
)

func newPolicyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy [--config FILE] [--explain] NAME=VALUE...",
		Short: "Tell what policyd would answer to a request, and why",
		Long: "Tell what policyd would answer to a request, and why. The request is the attributes that Postfix\n" +
			"sends, as arguments or on standard input; without protocol_state it is RCPT. The running policyd is\n" +
			"asked; if none answers, the configuration and the saved state are. Nothing is charged or remembered.\n" +
			"Exit status 0: the mail goes on; 1: it is refused or deferred; 75: trouble, there would be no reply.",
		Example: "  postern policy policy_context=rcpt client_address=192.0.2.1 sender=a@example.com recipient=info@example.org\n" +
			"  postern policy --explain sasl_username=alice protocol_state=DATA recipient_count=40 < /dev/null\n" +
			"  postern policy --explain < request",
		Args: cobra.ArbitraryArgs,
	}
	path := configFlag(cmd)
	explained := cmd.Flags().Bool("explain", false, "print each check, what it looked at, its verdict and what is left of each limit")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := meantCommand(cmd, args); err != nil {
			return err
		}
		q, err := policyRequest(args, cmd.InOrStdin())
		if err != nil {
			return usage("policy: %w", err)
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), queryTimeout)
		defer cancel()
		return printed("policy", cmd.OutOrStdout(), func(out io.Writer) error {
			return policy(ctx, out, *path, *explained, q)
		})
	}
	cmd.AddCommand(newPolicyRecord(), newPolicyReplay(), newPolicyGreylist())
	return cmd
}

// meantCommand complains about a word that looks like one of the commands below
// cmd, and not like an attribute.
func meantCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 || strings.Contains(args[0], "=") {
		return nil
	}
	var known []string
	for _, sub := range cmd.Commands() {
		known = append(known, sub.Name())
	}
	if near := nearest.Word(args[0], known); near != "" {
		return usage("policy: %.100q is no command and no attribute: is '%s %s' meant?", args[0], cmd.CommandPath(), near)
	}
	return nil
}

// maxRequest bounds a request on standard input, in bytes.
const maxRequest = 1 << 20

// policyRequest reads the request from the arguments, or else from in.
func policyRequest(args []string, in io.Reader) (*policyd.Request, error) {
	if len(args) > 0 {
		return policyd.FromArgs(args)
	}
	text, err := io.ReadAll(io.LimitReader(in, maxRequest+1))
	if err != nil {
		return nil, fmt.Errorf("standard input: %w", err)
	}
	if len(text) > maxRequest {
		return nil, fmt.Errorf("standard input: over %d bytes: one request is asked, ended by an empty line", maxRequest)
	}
	if strings.TrimSpace(string(text)) == "" {
		return nil, errors.New("no request: write attributes, such as sender=user@example.com, as arguments or on standard input")
	}
	return policyd.Parse(string(text))
}

// policy answers one request on out.
func policy(ctx context.Context, out io.Writer, path string, explained bool, q *policyd.Request) error {
	c, err := config.Load(path)
	if err != nil {
		return err
	}
	if c.Policyd == nil {
		return badConfig(fmt.Errorf("%s: there is no policyd block: postern policy needs one", path))
	}
	answer, daemon, err := askPolicyd(ctx, c.Control, q)
	if err == nil {
		return answer.conclude(out, explained, "asked the running daemon "+daemon)
	}
	if !errors.Is(err, errNoDaemon) {
		return temporary(fmt.Errorf("policy: %w", err))
	}
	answer, unread, err := policyAlone(ctx, c, q)
	if err != nil {
		return err
	}
	judged := fmt.Sprintf("no policyd answers in %s: judged by the configuration and the saved state", c.Control)
	if unread != nil {
		judged += "\nwithout what cannot be read: " + strings.ReplaceAll(unread.Error(), "\n", "; ")
	}
	return answer.conclude(out, explained, judged)
}

// askPolicyd asks the daemon that runs the policy. One that does not answer in
// time is trouble; that none runs is errNoDaemon.
func askPolicyd(ctx context.Context, dir string, q *policyd.Request) (policyAnswer, string, error) {
	values := url.Values{"request": {q.Text()}}
	for _, socket := range []string{"policyd", "serve"} {
		text, err := control(ctx, dir, socket, http.MethodPost, "/policy", values)
		if ctx.Err() != nil {
			return policyAnswer{}, "", fmt.Errorf("%s does not answer: %w", socket, ctx.Err())
		}
		if err != nil {
			continue
		}
		var answer policyAnswer
		if err := json.Unmarshal(text, &answer); err == nil {
			return answer, socket, nil
		}
	}
	return policyAnswer{}, "", errNoDaemon
}

// policyAnswer is a decision with all that led to it, as the control socket
// sends it.
type policyAnswer struct {
	Context string         `json:"context,omitempty"` // policy_context of the request
	Chain   string         `json:"chain"`             // its chain, or "" for the default one
	Action  string         `json:"action"`
	Refused bool           `json:"refused"`
	Check   string         `json:"check,omitempty"`
	Rule    string         `json:"rule,omitempty"`
	Reason  string         `json:"reason,omitempty"`
	Trouble string         `json:"trouble,omitempty"` // there would be no reply
	Steps   []policyd.Step `json:"steps"`
}

// explain judges q and takes down every step.
func (s *policyService) explain(ctx context.Context, q *policyd.Request) policyAnswer {
	p := s.policy
	q.Listener = s.listens
	d, err := p.Explain(ctx, q)
	a := policyAnswer{Context: q.Context, Action: d.Action.String(), Refused: d.Action.Refuses(), Check: d.Check, Rule: d.Rule, Reason: d.Reason, Steps: d.Steps}
	if p.Known(q.Context) {
		a.Chain = q.Context
	}
	if err != nil {
		a.Trouble = err.Error()
	}
	return a
}

// conclude prints the answer and picks the exit status.
func (a policyAnswer) conclude(out io.Writer, explained bool, asked string) error {
	if explained {
		fmt.Fprintln(out, asked)
		a.print(out)
	}
	if a.Trouble != "" {
		err := fmt.Errorf("no reply, so Postfix takes its default_action: %s", a.Trouble)
		return temporary(err)
	}
	fmt.Fprintln(out, a.Action)
	if why := a.why(); why != "" {
		fmt.Fprintln(out, why)
	}
	if a.Refused {
		return no()
	}
	return nil
}

// why is one line on what decided.
func (a policyAnswer) why() string {
	if a.Check == "" {
		return ""
	}
	words := "by check " + a.Check
	if a.Rule != "" {
		words += ", " + a.Rule
	}
	if a.Reason != "" {
		words += ": " + a.Reason
	}
	return words
}

// print writes the steps.
func (a policyAnswer) print(w io.Writer) {
	switch {
	case a.Chain != "":
		fmt.Fprintf(w, "chain %s\n", a.Chain)
	case a.Context != "":
		fmt.Fprintf(w, "chain of all other requests (checks:), for none is named %.100q\n", a.Context)
	default:
		fmt.Fprintln(w, "chain of all other requests (checks:)")
	}
	for _, s := range a.Steps {
		printStep(w, s)
	}
	if len(a.Steps) == 0 {
		fmt.Fprintln(w, "  no checks")
	}
}

func printStep(w io.Writer, s policyd.Step) {
	name := s.Check
	if s.Mode == policyd.Shadow {
		name += " (shadow)"
	}
	outcome := s.Verdict
	if s.Moot {
		outcome = "would answer " + outcome
	}
	if s.Skipped != "" {
		outcome = "not asked: " + s.Skipped
	}
	fmt.Fprintf(w, "  %-22s %s\n", name, outcome)
	for _, note := range s.Notes {
		fmt.Fprintf(w, "    %s\n", note)
	}
	if s.Reason != "" {
		fmt.Fprintf(w, "    because: %s\n", s.Reason)
	}
}
