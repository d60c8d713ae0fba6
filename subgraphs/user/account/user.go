package account

import (
	"net/mail"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"souk/subgraphs/internal/schema"
)

// Roles of users.
const (
	Customer = "CUSTOMER"
	Admin    = "ADMIN"
)

// User is an account.
type User struct {
	ID          int64
	Username    string
	Email       string
	DisplayName string
	Phone       *string // E.164
	Roles       []string
	CreatedAt   time.Time
	Version     int // 1 for a new account
	// EmailConfirmedAt is when the user proved to read Email; nil if they have
	// not. Only then no other account can have the address, and the user can
	// log in with it.
	EmailConfirmedAt *time.Time
	// ErasedAt is when the account was erased; nil if it was not. An erased
	// account has no personal data.
	ErasedAt *time.Time
}

// Draft is an account to create. Nil fields take their defaults.
type Draft struct {
	Username    string
	Email       string
	Password    *string // nil: the account cannot log in until a password is set
	DisplayName *string // default: the username
	Phone       *string
	// EmailConfirmed says that Email is known to be right, so that no e-mail
	// needs to be sent.
	EmailConfirmed bool
}

// Change is a change of an account. Nil fields stay unchanged.
type Change struct {
	Username    *string
	DisplayName *string
	// Phone is used only if SetPhone is set; nil then removes the number.
	SetPhone        bool
	Phone           *string
	ExpectedVersion *int
}

const (
	minUsername, maxUsername = 2, 32
	maxEmail                 = 254 // RFC 5321
	maxDisplayName           = 100
	minPassword, maxPassword = 8, 256
)

var (
	usernamePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	phonePattern    = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	phoneNoise      = strings.NewReplacer(" ", "", "-", "", "(", "", ")", "", ".", "")
)

// The check functions add an error at a path of the input if a value is
// invalid, and return the normalized value.

func checkUsername(e *schema.InvalidInput, path, name string) string {
	name = strings.TrimSpace(name)
	if n := len(name); n < minUsername || n > maxUsername || !usernamePattern.MatchString(name) {
		e.Add(path, "is not a valid username",
			"2 to 32 letters, digits, dots, hyphens and underscores, starting with a letter or digit")
	}
	return name
}

func checkEmail(e *schema.InvalidInput, path, email string) string {
	email = strings.TrimSpace(email)
	address, err := mail.ParseAddress(email)
	_, domain, _ := strings.Cut(email, "@")
	if err != nil || address.Address != email || len(email) > maxEmail || strings.Contains(domain, "@") || strings.ContainsFunc(email, unicode.IsSpace) {
		e.Add(path, "is not an e-mail address", "an address such as ada@example.com")
	}
	return email
}

func checkDisplayName(e *schema.InvalidInput, path, name string) string {
	name = strings.TrimSpace(name)
	if n := utf8.RuneCountInString(name); n == 0 || n > maxDisplayName || strings.ContainsFunc(name, unicode.IsControl) {
		e.Add(path, "is not a valid name", "1 to 100 characters on one line")
	}
	return name
}

func checkPhone(e *schema.InvalidInput, path string, phone *string) *string {
	if phone == nil {
		return nil
	}
	number := phoneNoise.Replace(*phone)
	if !phonePattern.MatchString(number) {
		e.Add(path, "is not a telephone number", "a number in international form, such as +4930123456")
	}
	return &number
}

func checkPassword(e *schema.InvalidInput, path, password string, names ...string) {
	n := utf8.RuneCountInString(password)
	switch {
	case n < minPassword:
		e.Add(path, "is too short", "at least 8 characters")
	case n > maxPassword:
		e.Add(path, "is too long", "at most 256 characters")
	}
	for _, name := range names {
		if strings.EqualFold(password, name) {
			e.Add(path, "equals the account's name", "a password that others cannot guess")
			return
		}
	}
}

// foldKey returns the key under which names are unique.
func foldKey(name string) string { return strings.ToLower(strings.TrimSpace(name)) }
