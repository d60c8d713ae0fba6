package verify

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// checkStart wants a program to be started with its own subcommand, and probed
// where it listens and at the paths that it serves.
func checkStart(deployment *appsv1.Deployment) error {
	c := deployment.Spec.Template.Spec.Containers[0]
	if want := subcommand(deployment.Name); len(c.Args) == 0 || c.Args[0] != want {
		return fmt.Errorf("it starts %q and not souk %s", c.Args, want)
	}
	for i, argument := range c.Args[1:] { // a flag, then its value
		if flag := strings.HasPrefix(argument, "--"); flag != (i%2 == 0) {
			return fmt.Errorf("its argument %s lacks its flag or its value", argument)
		}
	}
	for _, probe := range []struct {
		of   *corev1.Probe
		path string
	}{{c.StartupProbe, "/readyz"}, {c.ReadinessProbe, "/readyz"}, {c.LivenessProbe, "/healthz"}} {
		if probe.of == nil {
			continue // checkLocks reports it
		}
		get := probe.of.HTTPGet
		if get == nil || get.Path != probe.path {
			return fmt.Errorf("a probe does not get %s", probe.path)
		}
		if !slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.Name == get.Port.String() }) {
			return fmt.Errorf("its probe of %s uses the port %s, which it does not have", get.Path, get.Port.String())
		}
	}
	if port := variable(c, "PORT"); port != nil && (len(c.Ports) == 0 || port.Value != strconv.Itoa(int(c.Ports[0].ContainerPort))) {
		return fmt.Errorf("it listens on %s, which is not its port", port.Value)
	}
	return nil
}

// subcommand is that of souk which a program runs.
func subcommand(program string) string {
	if program == "api-gateway" {
		return "router"
	}
	name, _, _ := strings.Cut(program, "-")
	return name
}

func variable(c corev1.Container, name string) *corev1.EnvVar {
	for i := range c.Env {
		if c.Env[i].Name == name {
			return &c.Env[i]
		}
	}
	return nil
}

// checkPayment wants orders to be paid: without PAYMENT_URL, the order service
// confirms them for nothing. Its key must be the one that the simulated provider
// expects, if that is called, and may not be in a file that the order service can
// do without.
func (d Documents) checkPayment() error {
	var order appsv1.Deployment
	if err := d.find("Deployment", "order-service", &order); err != nil {
		return err
	}
	caller := order.Spec.Template.Spec.Containers[0]
	to := variable(caller, "PAYMENT_URL")
	if to == nil || to.Value == "" && secretOf(caller, to.Name) == nil {
		return errors.New("order-service: it has no PAYMENT_URL, so orders are confirmed without payment")
	}
	sent := secretOf(caller, "PAYMENT_API_KEY")
	if sent == nil {
		return errors.New("order-service and payment-provider need PAYMENT_API_KEY from a Secret")
	}
	if at, err := url.Parse(to.Value); err == nil && at.Hostname() == paymentProvider {
		if err := d.checkPaymentKey(sent); err != nil {
			return err
		}
	}
	if there, err := elsewhere(order.Namespace, sent.Name, sent.Key); there || err != nil {
		return err
	}
	if values := d.values("Secret", order.Namespace, sent.Name, sent.Key); len(values) != 1 || values[0] == "" {
		return fmt.Errorf("the key %s of the Secret %s is empty", sent.Key, sent.Name)
	}
	return nil
}

// checkPaymentKey wants the simulated provider to expect the key that the order service sends.
func (d Documents) checkPaymentKey(sent *corev1.SecretKeySelector) error {
	var provider appsv1.Deployment
	if err := d.find("Deployment", paymentProvider, &provider); err != nil {
		return err
	}
	wanted := secretOf(provider.Spec.Template.Spec.Containers[0], "PAYMENT_API_KEY")
	if wanted == nil {
		return errors.New("order-service and payment-provider need PAYMENT_API_KEY from a Secret")
	}
	if sent.Name != wanted.Name || sent.Key != wanted.Key {
		return fmt.Errorf("order-service sends the key %s of %s, and payment-provider expects %s of %s", sent.Key, sent.Name, wanted.Key, wanted.Name)
	}
	return nil
}

func secretOf(c corev1.Container, name string) *corev1.SecretKeySelector {
	if v := variable(c, name); v != nil && v.ValueFrom != nil {
		return v.ValueFrom.SecretKeyRef
	}
	return nil
}
