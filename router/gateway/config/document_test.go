package config_test

import (
	"bytes"
	"os"
	"reflect"
	"testing"

	"souk/router/gateway/config"
)

func TestDocumentDescribesTheDefaults(t *testing.T) {
	document := config.Document()
	got, err := config.Parse(document, os.LookupEnv)
	if err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
	if want := config.Default(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	const file = "../../../docs/router.yaml"
	if *update {
		if err := os.WriteFile(file, document, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if committed, err := os.ReadFile(file); err != nil || !bytes.Equal(committed, document) {
		t.Errorf("docs/router.yaml is not current (%v); run the test with -update", err)
	}
}
