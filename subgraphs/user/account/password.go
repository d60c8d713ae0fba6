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

// Cost sets the parameters of argon2id (RFC 9106).
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
	// maxHashing bounds how many passwords are hashed concurrently,
	// maxHashWait how long a call waits for its turn.
	maxHashing  = 4
	maxHashWait = 3 * time.Second
)

// Hasher hashes and verifies passwords. It hashes at most as many concurrently
// as there are processors, and never more than maxHashing, so that a surge of
// log-ins does not exhaust memory: four hashes take 76 MiB of the pod's 256.
type Hasher struct {
	cost  Cost
	slots chan struct{}
	dummy string // verified when an account has no hash, to take the same time
}

// NewHasher returns a Hasher with the given cost.
func NewHasher(cost Cost) *Hasher {
	h := &Hasher{cost: cost, slots: make(chan struct{}, min(runtime.GOMAXPROCS(0), maxHashing))}
	h.dummy = h.encode([]byte(rand.Text()))
	return h
}

// Hash returns the PHC string of a password, with a new salt.
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

// Check compares a password with a hash. An empty hash (no such account, or no
// password set) never matches but takes the same time, so that timing does not
// reveal which accounts exist. outdated reports that the hash has a different
// cost and should be replaced.
func (h *Hasher) Check(ctx context.Context, hash, password string) (matches, outdated bool, err error) {
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
	matches = subtle.ConstantTimeCompare(got, want) == 1 && known
	return matches, matches && cost != h.cost, nil
}

func parseHash(phc string) (cost Cost, salt, hash []byte, err error) {
	parts := strings.Split(phc, "$")
	broken := fmt.Errorf("the stored password hash is not an argon2id PHC string")
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

// Busy is returned when too many passwords are being hashed.
type Busy struct{}

// Error returns the message for the client.
func (Busy) Error() string { return "Too many people are logging in. Try again in a few seconds." }

// Code returns the value of extensions.code.
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
