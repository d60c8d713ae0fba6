package verify

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

type alertRoute struct {
	Receiver string
	Wait     string `json:"group_wait"`
	Interval string `json:"group_interval"`
	Repeat   string `json:"repeat_interval"`
	Matchers []string
	Continue bool
	Mute     []string `json:"mute_time_intervals"`
	Active   []string `json:"active_time_intervals"`
	Routes   []alertRoute
}

// alertmanagerConfig are the parts of alertmanager.yml that are checked. A receiver has lists of
// configurations of any type, such as webhook_configs or email_configs.
type alertmanagerConfig struct {
	Route     alertRoute
	Receivers []map[string]any
	Inhibit   []struct {
		Source []string `json:"source_matchers"`
		Target []string `json:"target_matchers"`
		Equal  []string
	} `json:"inhibit_rules"`
}

// checkAlertmanager wants pages to go out within minutes and to be repeated within a day, every
// alert to reach a receiver of its severity, and secrets to be in the Secret. What is resolved is
// told, except to the dead-man's switch. An inhibition is of alerts that exist, and for the same
// program or cluster; those that reach Watchdog would silence it.
func (d Documents) checkAlertmanager() error {
	var c alertmanagerConfig
	if err := d.monitored("alertmanager", "alertmanager.yml", &c); err != nil {
		return err
	}
	alerts, err := d.alerts()
	if err != nil {
		return err
	}
	err = errors.Join(within("group_wait", c.Route.Wait, 0, time.Minute), within("group_interval", c.Route.Interval, 0, 10*time.Minute), within("repeat_interval", c.Route.Repeat, time.Hour, 24*time.Hour))
	for _, r := range c.Route.below() {
		if len(r.Mute)+len(r.Active) > 0 {
			err = errors.Join(err, fmt.Errorf("%s is silent at times", r.Receiver))
		}
		switch {
		case slices.Contains(r.Matchers, `alertname = "Watchdog"`):
			err = errors.Join(err, within("repeat_interval of Watchdog", r.Repeat, 0, 5*time.Minute), within("group_interval of Watchdog", r.Interval, 0, 5*time.Minute))
		case r.Receiver == "page":
			err = errors.Join(err, within("repeat_interval of pages", r.Repeat, 30*time.Minute, 8*time.Hour))
		}
	}
	for _, r := range c.Receivers {
		err = errors.Join(err, checkReceiver(r))
	}
	return errors.Join(err, c.checkRoutes(alerts), c.checkInhibitions(alerts))
}

// alerts returns the severities of the alerts in souk.yml, by their names.
func (d Documents) alerts() (map[string]string, error) {
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert  string
				Labels map[string]string
			}
		}
	}
	if err := d.monitored("prometheus-rules", "souk.yml", &rules); err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			if rule.Alert != "" {
				all[rule.Alert] = rule.Labels["severity"]
			}
		}
	}
	return all, nil
}

// below returns the routes below a route, at every depth.
func (r alertRoute) below() (all []alertRoute) {
	for _, next := range r.Routes {
		all = append(append(all, next), next.below()...)
	}
	return all
}

// receivers are those that alerts of a severity reach.
var receivers = map[string]string{"page": "page", "ticket": "ticket", "none": "dead-man"}

// checkRoutes wants every alert to reach the receiver of its severity, and that to be one.
func (c alertmanagerConfig) checkRoutes(alerts map[string]string) (err error) {
	for name, severity := range alerts {
		want := receivers[severity]
		to, _ := c.Route.reached(map[string]string{"alertname": name, "severity": severity}, "")
		if want == "" || !slices.Contains(to, want) {
			err = errors.Join(err, fmt.Errorf("the alert %s with the severity %q goes to %q and not to %q", name, severity, to, want))
		}
	}
	for _, name := range receivers {
		if !slices.ContainsFunc(c.Receivers, func(r map[string]any) bool { return r["name"] == name }) {
			err = errors.Join(err, fmt.Errorf("there is no receiver %s", name))
		}
	}
	return err
}

// reached returns the receivers that an alert with some labels reaches, and whether the route takes it.
func (r alertRoute) reached(labels map[string]string, inherited string) (to []string, takes bool) {
	for _, text := range r.Matchers {
		if !matches(text, labels) {
			return nil, false
		}
	}
	receiver := r.Receiver
	if receiver == "" {
		receiver = inherited
	}
	for _, next := range r.Routes {
		found, takes := next.reached(labels, receiver)
		to = append(to, found...)
		if takes && !next.Continue {
			return to, true
		}
	}
	if len(to) == 0 {
		to = []string{receiver}
	}
	return to, true
}

var alertMatcher = regexp.MustCompile(`^\s*(\w+)\s*(=~|!~|!=|=)\s*"?([^"]*)"?\s*$`)

// matches reports whether labels have what a matcher of Alertmanager wants. What is no matcher,
// matches nothing; Alertmanager's own program refuses it.
func matches(text string, labels map[string]string) bool {
	found := alertMatcher.FindStringSubmatch(text)
	if found == nil {
		return false
	}
	value, wanted := labels[found[1]], found[3]
	equal := value == wanted
	if strings.HasSuffix(found[2], "~") {
		pattern, err := regexp.Compile("^(?:" + wanted + ")$")
		equal = err == nil && pattern.MatchString(value)
	}
	return equal != strings.HasPrefix(found[2], "!")
}

// alwaysFires is the severity of alerts that fire as long as the monitoring works.
const alwaysFires = "none"

// cluster is the label that Prometheus adds to alerts (checkPrometheus wants it).
const clusterName = "souk"

// allMatch reports whether labels have what all matchers of Alertmanager want.
func allMatch(matchers []string, labels map[string]string) bool {
	return !slices.ContainsFunc(matchers, func(text string) bool { return !matches(text, labels) })
}

// checkInhibitions wants each to be of alerts that exist, and for those that have something in common.
// Neither its source nor its target is an alert that always fires.
func (c alertmanagerConfig) checkInhibitions(alerts map[string]string) (err error) {
	for _, rule := range c.Inhibit {
		if len(rule.Source) == 0 || len(rule.Target) == 0 || strings.Contains(strings.Join(rule.Target, " "), "=~ \".*\"") {
			err = errors.Join(err, fmt.Errorf("an inhibition of %q by %q is for all alerts", rule.Target, rule.Source))
		}
		if len(rule.Equal) == 0 {
			err = errors.Join(err, fmt.Errorf("an inhibition of %q by %q is also for other programs (equal)", rule.Target, rule.Source))
		}
		for name, severity := range alerts {
			labels := map[string]string{"alertname": name, "severity": severity, "cluster": clusterName}
			switch {
			case severity != alwaysFires:
			case allMatch(rule.Source, labels):
				err = errors.Join(err, fmt.Errorf("an inhibition by %q mutes %q for ever, because %s always fires", rule.Source, rule.Target, name))
			case allMatch(rule.Target, labels):
				err = errors.Join(err, fmt.Errorf("an inhibition of %q by %q mutes %s, whose end tells that the monitoring is down", rule.Target, rule.Source, name))
			}
		}
		for _, text := range slices.Concat(rule.Source, rule.Target) {
			found := alertMatcher.FindStringSubmatch(text)
			if found == nil || found[1] != "alertname" || strings.HasPrefix(found[2], "!") {
				continue
			}
			for _, name := range strings.Split(found[3], "|") {
				if _, known := alerts[name]; !known && regexp.QuoteMeta(name) == name {
					err = errors.Join(err, fmt.Errorf("an inhibition names the alert %s, which does not exist", name))
				}
			}
		}
	}
	return err
}

// secretSettings are those of receivers whose values are secrets. Each has one that ends in _file.
var secretSettings = []string{"auth_password", "auth_secret", "routing_key", "service_key", "api_url", "api_key", "api_secret", "user_key", "token", "bot_token", "webhook_url", "url", "password", "credentials"}

// checkReceiver wants a receiver to have a configuration, of whichever type, with its secrets in
// files of the Secret. A webhook has the address of its receiver, and hears what is resolved.
func checkReceiver(receiver map[string]any) (err error) {
	name, _ := receiver["name"].(string)
	configurations := 0
	for key, value := range receiver {
		list, isList := value.([]any)
		if !strings.HasSuffix(key, "_configs") || !isList {
			continue
		}
		for _, entry := range list {
			configuration, _ := entry.(map[string]any)
			if len(configuration) == 0 {
				continue
			}
			configurations++
			if key == "webhook_configs" && (configuration["url_file"] != "/etc/alertmanager-receivers/"+name || (configuration["send_resolved"] != false) != (name != "dead-man")) {
				err = errors.Join(err, fmt.Errorf("the receiver %s does not have its own address of the Secret, or does not hear what is resolved", name))
			}
			err = errors.Join(err, inContext("the receiver "+name, checkSecretSettings(configuration)))
		}
	}
	if configurations == 0 {
		err = errors.Join(err, fmt.Errorf("the receiver %s tells nobody: it has no configuration, such as webhook_configs", name))
	}
	return err
}

func checkSecretSettings(configuration map[string]any) (err error) {
	for key, value := range configuration {
		if inner, nested := value.(map[string]any); nested {
			err = errors.Join(err, checkSecretSettings(inner))
		}
		path, isText := value.(string)
		switch {
		case slices.Contains(secretSettings, key) && isText:
			err = errors.Join(err, fmt.Errorf("%s is a secret in a ConfigMap; put it into the Secret alertmanager-receivers, and use %s_file", key, key))
		case strings.HasSuffix(key, "_file") && !strings.HasPrefix(path, "/etc/alertmanager-receivers/"):
			err = errors.Join(err, fmt.Errorf("%s is %v, which is no file of the Secret alertmanager-receivers", key, value))
		}
	}
	return err
}
