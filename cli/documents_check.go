package cli

import (
	"errors"
	"strings"

	"souk/router/documents"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/limit"
	"souk/router/operation"
	"souk/router/supergraph"
)

// A documentsCheck checks documents as a router does.
type documentsCheck struct {
	graph    string
	settings config.Config
}

func (c documentsCheck) run(path string) (documentReport, error) {
	list, err := readDocuments(path)
	if err != nil {
		return documentReport{}, err
	}
	sdl, err := supergraph.ReadFile(c.graph)
	if err != nil {
		return documentReport{}, err
	}
	model, err := supergraph.Parse(sdl)
	if err != nil {
		return documentReport{}, err
	}
	schema, err := operation.NewSchema(model.APISchema)
	if err != nil {
		return documentReport{}, err
	}
	var estimator *limit.Estimator
	if d := c.settings.DemandControl; d.Enabled && !d.Measure {
		estimator = limit.NewEstimator(model, limit.CostOptions{ListSize: d.ListSize})
	}
	report := documentReport{Documents: len(list), Problems: []documentProblem{}}
	for _, d := range list {
		limited, most := schema.With(gateway.Limits(c.settings.Limits.Of(d.Client))), c.settings.DemandControl.MaxOf(d.Client)
		for _, name := range operationsOf(d) {
			report.Problems = append(report.Problems, problemsOf(d, checkDocument(limited, estimator, d.Body, name, most))...)
		}
	}
	report.Valid = len(report.Problems) == 0
	return report, nil
}

// operationsOf returns the names of the operations of a document. It is the one of the list if
// that has it.
func operationsOf(d documents.Document) []string {
	if d.Name != "" {
		return []string{d.Name}
	}
	if names := documents.Operations(d.Body); len(names) > 0 {
		return names
	}
	return []string{""} // the error says why
}

// checkDocument returns the error with which the router refuses an operation that costs more than
// most.
func checkDocument(schema *operation.Schema, estimator *limit.Estimator, text, name string, most float64) error {
	parsed, err := schema.Parse(text, name)
	if err != nil || estimator == nil {
		return err
	}
	vars, err := parsed.Variables(nil)
	if err != nil {
		return nil //nolint:nilerr // it needs variables, on which its cost depends
	}
	_, err = estimator.Check(parsed.Operation(vars), vars, most)
	return err
}

func problemsOf(d documents.Document, err error) []documentProblem {
	if err == nil {
		return nil
	}
	var list operation.Errors
	if !errors.As(err, &list) {
		one := (*operation.Error)(nil)
		if !errors.As(err, &one) {
			one = &operation.Error{Message: err.Error()}
		}
		list = operation.Errors{one}
	}
	var out []documentProblem
	for _, e := range list {
		p := documentProblem{File: d.File, ID: d.ID, Name: d.Name, Code: e.Code, Message: e.Message, whole: !strings.HasSuffix(d.File, ".json")}
		if len(e.Locations) > 0 {
			p.Line, p.Column = e.Locations[0].Line, e.Locations[0].Column
		}
		out = append(out, p)
	}
	return out
}
