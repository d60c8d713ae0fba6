//go:build !unix

package outfile

import (
	"errors"
	"os"
)

func duplicate(int) (*os.File, error) { return nil, errors.ErrUnsupported }
