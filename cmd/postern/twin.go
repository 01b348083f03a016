package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/config"
	"postern/internal/twin"
)

func newTwin() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "twin [--config FILE]",
		Short: "Tell where the old path answers otherwise than postern",
		Long: "Tell where the old path, the mysql_table(5) files of the block twin, answers otherwise than postern.\n" +
			"The running daemons are asked; each keeps the latest differences, with every key that either side\n" +
			"tried. With \"because\" it is one that postern makes on purpose. Exit status 0: none without such a\n" +
			"reason; 1: some; 75: no daemon compares.",
		Example: "  postern twin\n  postern twin --all --json",
		Args:    cobra.NoArgs,
	}
	path := configFlag(cmd)
	all := cmd.Flags().Bool("all", false, "also those that are made on purpose")
	asJSON := cmd.Flags().Bool("json", false, "print all as JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := config.Load(*path)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), queryTimeout)
		defer cancel()
		reports, err := askTwins(ctx, c.Control)
		if err != nil {
			return err
		}
		if *asJSON {
			err = encodeJSON(cmd.OutOrStdout(), reports)
		} else {
			printTwins(cmd.OutOrStdout(), reports, *all)
		}
		if err == nil && unexplained(reports) > 0 {
			return no()
		}
		return err
	}
	return cmd
}

// twinReport is what one daemon knows.
type twinReport struct {
	Daemon      string            `json:"daemon"`
	Share       float64           `json:"share"`
	Maps        []string          `json:"maps"`
	Differences []twin.Difference `json:"differences"`
}

// serveTwin answers on the control socket.
func (s *service) serveTwin(w http.ResponseWriter, _ *http.Request) {
	t := s.current.Load().twin
	if t == nil {
		http.Error(w, "twin: nothing is compared: add the block twin to the configuration", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(twinReport{Share: t.share, Maps: t.names, Differences: s.works.kept.Differences()}) // the peer is gone, then
}

// askTwins asks every daemon that answers for maps.
func askTwins(ctx context.Context, dir string) ([]twinReport, error) {
	reports, refused := []twinReport{}, errNoDaemon
	for _, socket := range controlSockets(dir) {
		if socket == "policyd" || socket == "srsd" {
			continue
		}
		text, err := control(ctx, dir, socket, http.MethodGet, "/twin", nil)
		report := twinReport{}
		if err == nil {
			err = json.Unmarshal(text, &report)
		}
		if err != nil {
			refused = fmt.Errorf("%s: %w", socket, err)
			continue
		}
		report.Daemon = socket
		reports = append(reports, report)
	}
	if len(reports) == 0 {
		return nil, temporary(fmt.Errorf("twin: %w in %s", refused, dir))
	}
	return reports, nil
}

// unexplained counts the differences without a reason.
func unexplained(reports []twinReport) (n int) {
	for _, r := range reports {
		for _, d := range r.Differences {
			if d.Because == "" {
				n++
			}
		}
	}
	return n
}

// printTwins is for people: a paragraph for each difference.
func printTwins(w io.Writer, reports []twinReport, all bool) {
	for _, r := range reports {
		fmt.Fprintf(w, "%s: %g%% of the questions for %s\n", r.Daemon, 100*r.Share, strings.Join(r.Maps, ", "))
		meant := 0
		for _, d := range r.Differences {
			if d.Because != "" {
				meant++
			}
			if d.Because == "" || all {
				printDifference(w, d)
			}
		}
		fmt.Fprintf(w, "%d differences, and %d on purpose\n", len(r.Differences)-meant, meant)
	}
}

func printDifference(w io.Writer, d twin.Difference) {
	times := ""
	if d.Times > 1 {
		times = fmt.Sprintf(", %d times", d.Times)
	}
	fmt.Fprintf(w, "\n%s %s, %s%s\n", d.Map, printableText(d.Key), minute(d.At), times)
	if d.Because != "" {
		fmt.Fprintf(w, "  because: %s\n", printableText(d.Because))
	}
	printSide(w, "postern", d.Live)
	printSide(w, "old path", d.Old)
	fmt.Fprintln(w)
}

func printSide(w io.Writer, name string, s twin.Side) {
	fmt.Fprintf(w, "  %s: %s\n", name, printableText(s.Text))
	for _, try := range s.Tried {
		outcome := "not found"
		if try.Found {
			outcome = "found"
		}
		if try.Text != "" {
			outcome += ": " + try.Text
		}
		fmt.Fprintf(w, "    %s %s %s\n", printableText(try.Map), printableText(try.Key), printableText(outcome))
	}
}
