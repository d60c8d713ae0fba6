package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"souk/dev"
	"souk/internal/loopback"
	"souk/subgraphs"
)

const (
	// leaveTime is how long a replica serves after it left the balancer, as with
	// the preStop hook of the manifests.
	leaveTime = 2 * time.Second
	// betweenReplacements is how long two versions serve side by side.
	betweenReplacements = time.Second
)

// An upgrade is a rolling update of the services from an earlier version.
type upgrade struct {
	source   string // a checkout of the earlier version
	old      *fleet
	services map[string]*service
}

// prepareUpgrade builds the version of a Git revision, and lets it make and fill
// the databases.
func (t *testRun) prepareUpgrade(ctx context.Context, revision string) (*upgrade, error) {
	u := &upgrade{source: filepath.Join(t.dir, "source"), services: map[string]*service{}}
	if err := extract(ctx, t.top, revision, u.source); err != nil {
		return nil, err
	}
	binary := filepath.Join(t.dir, "souk-before")
	if err := build(ctx, u.source, binary); err != nil {
		return nil, err
	}
	u.old = &fleet{binary: binary, logs: t.results}
	address, err := loopback.Address(ctx, loopback.Host)
	if err != nil {
		return nil, fmt.Errorf("finding ports for the earlier version: %w", err)
	}
	store := &process{
		name: "dev", binary: binary, args: []string{"dev", "--dir", t.dir, "--listen", address},
		log: filepath.Join(t.results, "dev-before.log"), url: "http://" + address,
	}
	return u, errors.Join(store.start(ctx), store.end())
}

// extract writes the files of a revision to a directory.
func extract(ctx context.Context, repository, revision, dir string) error {
	archive := dir + ".tar"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("creating a directory for the earlier version: %w", err)
	}
	git := exec.CommandContext(ctx, "git", "archive", "--output", archive, revision)
	git.Dir = repository
	for _, cmd := range []*exec.Cmd{git, exec.CommandContext(ctx, "tar", "-xf", archive, "-C", dir)} {
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("extracting revision %s: %w: %s", revision, err, text)
		}
	}
	if err := os.Remove(archive); err != nil {
		return fmt.Errorf("extracting revision %s: %w", revision, err)
	}
	return nil
}

// start runs the replicas of all services in the earlier version.
func (u *upgrade) start(ctx context.Context, store *dev.System) error {
	u.old.store = store
	for _, name := range subgraphs.Names() {
		s, err := u.old.service(ctx, name)
		if err != nil {
			return err
		}
		u.services[name] = s
	}
	return nil
}

// runUpgrade replaces the replicas of each service, one after the other, under
// the load of the earlier version's script and behind its router. Then it
// replaces the router and audits the store. No request may fail.
func (t *testRun) runUpgrade(ctx context.Context, duration string) (err error) {
	u := t.upgrade
	binary := filepath.Join(t.dir, "souk")
	if err := build(ctx, t.top, binary); err != nil {
		return err
	}
	router, err := u.old.router(ctx, filepath.Join(u.source, "manifests/08-api-gateway.yaml"), filepath.Join(u.source, "schema"))
	if err != nil {
		return err
	}
	auditor, err := newAuditor(ctx, t.store)
	if err != nil {
		return err
	}
	defer auditor.close()
	auditor.skipGracePeriod = t.skipGracePeriod
	loaded := make(chan error, 1)
	go func() {
		loaded <- t.runScriptOf(ctx, u.source, "mixed", []string{"JOURNAL=1", "DURATION=" + duration}, "--no-thresholds")
	}()
	if err := u.replaceAll(ctx, t, binary); err != nil {
		return errors.Join(err, <-loaded)
	}
	if err := <-loaded; err != nil {
		return err
	}
	if err := errors.Join(t.checkNoFailure(), router.end(), t.store.StartRouter(ctx)); err != nil {
		return err
	}
	accepted, err := readJournal(t.journalPath())
	if err != nil {
		return err
	}
	return auditor.audit(ctx, t.out, accepted)
}

func (u *upgrade) replaceAll(ctx context.Context, t *testRun, binary string) error {
	wait(ctx, slow.first)
	for _, name := range subgraphs.Names() {
		for n := range replicaCount {
			began := time.Now()
			if err := u.old.replace(ctx, u.services[name], n, binary); err != nil {
				return fmt.Errorf("replacing a replica of %s: %w", name, err)
			}
			fmt.Fprintf(t.out, "  %-24s replaced in %.1f s\n", fmt.Sprintf("%s, %d of %d", name, n+1, replicaCount), time.Since(began).Seconds())
			wait(ctx, betweenReplacements)
		}
	}
	return nil
}

// checkNoFailure returns an error if a request of the last script failed.
func (t *testRun) checkNoFailure() error {
	s, err := readSummary(t.results)
	if err != nil {
		return err
	}
	for _, rate := range []string{"http_req_failed", "graphql_errors"} {
		if share := s.Metrics[rate].Values["rate"]; share > 0 {
			log, _ := os.ReadFile(t.journalPath())
			return fmt.Errorf("requests failed during the upgrade: %s is %v, want 0: %s", rate, share, tailOf(string(log)))
		}
	}
	return nil
}
