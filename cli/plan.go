package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"souk/internal/filekind"
	"souk/router/operation"
	"souk/router/plan"
	"souk/router/plan/planner"
	"souk/router/supergraph"
)

// planFormats maps each value of --format to its printer.
var planFormats = map[string]func(io.Writer, *plan.Plan) error{
	"text":   plan.Print,
	"json":   plan.WriteJSON,
	"apollo": plan.PrintApollo,
}

func newPlan() *cobra.Command {
	var in planInput
	var format string
	var asJSON, explain bool
	var latencies []string
	cmd := &cobra.Command{
		Use:   "plan OPERATION",
		Short: "Print the query plan of an operation",
		Long: "Print the query plan of the operation in a file, or on standard input for -.\n\n" +
			"The formats are text, json, from which a plan can be read again, and apollo, the\n" +
			"notation of Apollo's query planner. docs/query-plans.md describes them.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if asJSON {
				format = "json"
			}
			write := planFormats[format]
			if write == nil {
				return fmt.Errorf("unknown format %q; use text, json or apollo", format)
			}
			text, err := readAll(cmd.InOrStdin(), args[0])
			if err != nil {
				return err
			}
			if in.latencies, err = parseLatencies(latencies); err != nil {
				return err
			}
			made, err := in.plan(args[0], text, explain)
			if err != nil {
				return err
			}
			if !explain {
				return write(cmd.OutOrStdout(), made.plan)
			}
			return made.explain(cmd.OutOrStdout(), format, write)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&in.supergraph, "supergraph", "s", "supergraph.graphql", "the file that contains the supergraph SDL")
	flags.StringVar(&in.operation, "operation", "", "the name of the operation, if the document has several")
	flags.StringVar(&in.variables, "variables", "{}", "the variables, as JSON; they decide @skip and @include")
	flags.StringSliceVar(&latencies, "latency", nil, "how long requests to a subgraph take, such as products=200ms, or to all others, such as 20ms: plan as the router does with query_planner.weigh_latency")
	flags.StringVar(&format, "format", "text", "the notation: text, json or apollo")
	flags.BoolVar(&asJSON, "json", false, "the same as --format json")
	flags.BoolVar(&explain, "explain", false, "also print the candidate paths, their costs, why each was chosen, and the time of each stage")
	exclusive(cmd, "format", "json")
	return checking(interruptible(cmd))
}

func readAll(stdin io.Reader, file string) (string, error) {
	if file == "-" {
		text, err := io.ReadAll(stdin)
		if err != nil {
			return "", fmt.Errorf("reading the operation: %w", err)
		}
		return string(text), nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("reading the operation: %w", err)
	}
	return string(text), nil
}

// A planInput has the flags that determine a plan.
type planInput struct {
	supergraph, operation, variables string
	// latencies are by subgraph, with that of all others under "". They are nil if there are none.
	latencies planner.Latencies
}

// parseLatencies reads the values of --latency.
func parseLatencies(list []string) (planner.Latencies, error) {
	if list == nil {
		return nil, nil
	}
	l := planner.Latencies{}
	for _, text := range list {
		subgraph, value, named := strings.Cut(text, "=")
		if !named {
			subgraph, value = "", text
		}
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 || named && subgraph == "" {
			return nil, fmt.Errorf("--latency %s is not a latency; write SUBGRAPH=DURATION, such as products=200ms, or the duration of all other subgraphs, such as 20ms", text)
		}
		if _, ok := l[subgraph]; ok {
			return nil, fmt.Errorf("--latency %s: the same subgraphs have two latencies; give each once", text)
		}
		l[subgraph] = d
	}
	return l, nil
}

// of returns the latencies of the subgraphs of a supergraph.
func (in *planInput) of(m *supergraph.Model) (planner.Latencies, error) {
	if in.latencies == nil {
		return nil, nil
	}
	out := planner.Latencies{}
	for name, d := range in.latencies {
		if name != "" && m.Subgraph(name) == nil {
			return nil, fmt.Errorf("--latency %s=%v: the supergraph has no subgraph %s", name, d, name)
		}
	}
	for _, g := range m.Subgraphs {
		if d, ok := in.latencies[g.Name]; ok {
			out[g.Name] = d
		} else if d, ok := in.latencies[""]; ok {
			out[g.Name] = d
		}
	}
	return out, nil
}

// An explainedPlan is a plan. With --explain it also has an explanation and the duration of
// each stage.
type explainedPlan struct {
	plan        *plan.Plan
	explanation planner.Explanation
	times       []stageTime
}

// A stageTime is the duration of a stage.
type stageTime struct {
	stage string
	took  time.Duration
}

func (in *planInput) plan(file, text string, explain bool) (*explainedPlan, error) {
	sdl, err := supergraph.ReadFile(in.supergraph)
	if err != nil {
		return nil, err
	}
	model, err := supergraph.Parse(sdl)
	if err != nil {
		return nil, fmt.Errorf("%s: reading the supergraph: %w", in.supergraph, err)
	}
	latencies, err := in.of(model)
	if err != nil {
		return nil, err
	}
	schema, err := operation.NewSchema(model.APISchema)
	if err != nil {
		return nil, fmt.Errorf("reading the API schema: %w", err)
	}
	var watch stopwatch
	document, err := schema.ParseStages(text, in.operation, func(s operation.Stage) { watch.begin(string(s)) })
	if err != nil {
		return nil, failedCheck{operationProblems(file, text, err)}
	}
	values, err := document.Variables([]byte(in.variables))
	if err != nil {
		return nil, fmt.Errorf("reading the variables: %w", err)
	}
	op := document.Operation(values)
	watch.begin("plan")
	made := new(explainedPlan)
	p := planner.New(model, planner.Options{})
	switch {
	case explain && latencies != nil:
		made.plan, made.explanation, err = p.ExplainBy(op, latencies)
	case explain:
		made.plan, made.explanation, err = p.Explain(op)
	case latencies != nil:
		made.plan, _, err = p.PlanBy(op, latencies)
	default:
		made.plan, err = p.Plan(op)
	}
	made.times = watch.end()
	if err != nil {
		return nil, failedCheck{err}
	}
	return made, nil
}

// A stopwatch measures consecutive stages.
type stopwatch struct {
	times []stageTime
	began time.Time
}

func (w *stopwatch) begin(stage string) {
	w.end()
	w.times, w.began = append(w.times, stageTime{stage: stage}), time.Now()
}

// end ends the current stage and returns the durations of all stages.
func (w *stopwatch) end() []stageTime {
	if n := len(w.times); n > 0 {
		w.times[n-1].took = time.Since(w.began)
	}
	return w.times
}

// explain prints the plan and the explanation, as one JSON object for the format json and as
// text otherwise.
func (p *explainedPlan) explain(w io.Writer, format string, write func(io.Writer, *plan.Plan) error) error {
	var made strings.Builder
	if err := write(&made, p.plan); err != nil {
		return err
	}
	if format == "json" {
		times := map[string]float64{}
		for _, t := range p.times {
			times[t.stage] = t.took.Seconds()
		}
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(struct {
			Plan        json.RawMessage     `json:"plan"`
			Explanation planner.Explanation `json:"explanation"`
			Seconds     map[string]float64  `json:"seconds"`
		}{json.RawMessage(made.String()), p.explanation, times})
	}
	made.WriteString("\n" + p.explanation.String() + "\n")
	for _, t := range p.times {
		fmt.Fprintf(&made, "%-10s %v\n", t.stage, t.took.Round(time.Microsecond))
	}
	_, err := io.WriteString(w, made.String())
	return err
}

// operationProblems returns the problems of an operation with their places in its file, which is
// - for standard input.
func operationProblems(file, text string, err error) error {
	problems := operation.Errors(nil)
	if !errors.As(err, &problems) {
		return fmt.Errorf("reading the operation: %w", err)
	}
	lines := make([]string, len(problems))
	for i, p := range problems {
		at := file
		if len(p.Locations) > 0 {
			at = fmt.Sprintf("%s:%d:%d", file, p.Locations[0].Line, p.Locations[0].Column)
		}
		lines[i] = at + ": " + p.Message
	}
	return errors.New(strings.Join(lines, "\n") + filekind.Hint(text, filekind.Operation, filekind.Empty))
}
