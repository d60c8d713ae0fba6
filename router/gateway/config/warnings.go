package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"souk/router/internal/tlsfile"
)

// warn adds warnings about TLS settings with which the router starts, but which fail or protect
// nothing: certificates that are not valid now, and servers whose certificate is not verified.
func (k *checker) warn(v reflect.Value, path string, now time.Time) {
	switch v.Kind() {
	case reflect.Struct:
		for i, f := range fieldsOf(v.Type()) {
			at := strings.TrimPrefix(path+"."+f.key, ".")
			switch f.key {
			case "cert_file":
				k.validity(at, v.Field(i).String(), now)
			case "insecure_skip_verify":
				if v.Field(i).Bool() {
					k.source.Warn(at, "%s is true: any server can pose as this one, and read and change what is sent; set ca_file to its authority instead", at)
				}
			default:
				k.warn(v.Field(i), at, now)
			}
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, key := range keys {
			k.warn(v.MapIndex(key), path+"."+key.String(), now)
		}
	case reflect.Slice:
		for i := range v.Len() {
			k.warn(v.Index(i), fmt.Sprintf("%s[%d]", path, i), now)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			k.warn(v.Elem(), path, now)
		}
	}
}

// validity warns of a certificate that is not valid now. Files that cannot be read are errors already.
func (k *checker) validity(at, file string, now time.Time) {
	if file == "" {
		return
	}
	from, to, err := tlsfile.Validity(file)
	switch {
	case err != nil:
	case now.After(to):
		k.source.Warn(at, "%s: the certificate in %s has expired at %s: the other side refuses it; renew it", at, file, to.UTC().Format(time.RFC3339))
	case now.Before(from):
		k.source.Warn(at, "%s: the certificate in %s is not valid before %s; check it and the clock", at, file, from.UTC().Format(time.RFC3339))
	}
}
