package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"
)

// Cost is what hashing a password costs (argon2id, RFC 9106).
type Cost struct {
	Memory  uint32 // KiB
	Time    uint32 // passes
	Threads uint8
}

// DefaultCost is OWASP's recommendation: 19 MiB, 2 passes, 1 thread.
var DefaultCost = Cost{Memory: 19 * 1024, Time: 2, Threads: 1}

const (
	saltLength = 16
	hashLength = 32
	// maxHashing bounds the passwords hashed at a time, hashingWait how long
	// one more waits for its turn.
	maxHashing  = 4
	maxHashWait = 3 * time.Second
)

// Hasher hashes and checks passwords. At most as many at once as there are
// processors, and never more than maxHashing, so that a rush of log-ins does not
// take all memory: four hashes take 76 MiB of the pod's 256.
type Hasher struct {
	cost  Cost
	slots chan struct{}
	dummy string // the hash of nobody's password
}

// NewHasher makes a hasher of a cost.
func NewHasher(cost Cost) *Hasher {
	h := &Hasher{cost: cost, slots: make(chan struct{}, min(runtime.GOMAXPROCS(0), maxHashing))}
	h.dummy = h.encode([]byte(rand.Text()))
	return h
}

// Hash makes the PHC string of a password, with a new salt.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if err := h.acquire(ctx); err != nil {
		return "", err
	}
	defer h.release()
	return h.encode([]byte(password)), nil
}

func (h *Hasher) encode(password []byte) string {
	salt := make([]byte, saltLength)
	rand.Read(salt) // never fails (crypto/rand)
	hash := argon2.IDKey(password, salt, h.cost.Time, h.cost.Memory, h.cost.Threads, hashLength)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.cost.Memory, h.cost.Time, h.cost.Threads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(hash))
}

// Check compares a password with a hash. An empty hash, of an account that is
// not there or has no password, takes the same time and fits nothing. Outdated
// says that the hash was made at another cost.
func (h *Hasher) Check(ctx context.Context, hash, password string) (fits, outdated bool, err error) {
	if err := h.acquire(ctx); err != nil {
		return false, false, err
	}
	defer h.release()
	known := hash != ""
	if !known {
		hash = h.dummy
	}
	cost, salt, want, err := parseHash(hash)
	if err != nil {
		return false, false, err
	}
	got := argon2.IDKey([]byte(password), salt, cost.Time, cost.Memory, cost.Threads, uint32(len(want)))
	fits = subtle.ConstantTimeCompare(got, want) == 1 && known
	return fits, fits && cost != h.cost, nil
}

func parseHash(phc string) (cost Cost, salt, hash []byte, err error) {
	parts := strings.Split(phc, "$")
	broken := fmt.Errorf("a password hash is not an argon2id PHC string")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return cost, nil, nil, broken
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &cost.Memory, &cost.Time, &cost.Threads); err != nil {
		return cost, nil, nil, broken
	}
	if salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil {
		return cost, nil, nil, broken
	}
	if hash, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil || len(hash) == 0 {
		return cost, nil, nil, broken
	}
	return cost, salt, hash, nil
}

// Busy says that too many passwords are being hashed.
type Busy struct{}

// Error says it for the client.
func (Busy) Error() string { return "Too many people are logging in. Try again in a few seconds." }

// Code is the error's extensions.code.
func (Busy) Code() string { return "OVERLOADED" }

func (h *Hasher) acquire(ctx context.Context) error {
	select {
	case h.slots <- struct{}{}:
		return nil
	default:
	}
	late := time.NewTimer(maxHashWait)
	defer late.Stop()
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-late.C:
		return Busy{}
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *Hasher) release() { <-h.slots }
