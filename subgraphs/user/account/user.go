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
}

// Draft is an account to be made. What is nil takes its default.
type Draft struct {
	Username    string
	Email       string
	Password    *string // nil: the account cannot log in yet
	DisplayName *string // the username
	Phone       *string
}

// Change is what to change of an account: what is not nil.
type Change struct {
	Username    *string
	Email       *string
	DisplayName *string
	// Phone is given when SetPhone is true; nil then takes it away.
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

// The checks note what is wrong at a path of the input, and give the value as
// it is kept.

func checkUsername(e *schema.InvalidInput, path, name string) string {
	name = strings.TrimSpace(name)
	if n := len(name); n < minUsername || n > maxUsername || !usernamePattern.MatchString(name) {
		e.Add(path, "is not a username",
			"2 to 32 letters, digits, dots, dashes and underscores; the first a letter or digit")
	}
	return name
}

func checkEmail(e *schema.InvalidInput, path, email string) string {
	email = strings.TrimSpace(email)
	address, err := mail.ParseAddress(email)
	_, domain, _ := strings.Cut(email, "@")
	if err != nil || address.Address != email || len(email) > maxEmail || strings.Contains(domain, "@") || strings.ContainsFunc(email, unicode.IsSpace) {
		e.Add(path, "is not an e-mail address", "something like ada@example.com")
	}
	return email
}

func checkDisplayName(e *schema.InvalidInput, path, name string) string {
	name = strings.TrimSpace(name)
	if n := utf8.RuneCountInString(name); n == 0 || n > maxDisplayName || strings.ContainsFunc(name, unicode.IsControl) {
		e.Add(path, "is not a name", "1 to 100 characters on one line")
	}
	return name
}

func checkPhone(e *schema.InvalidInput, path string, phone *string) *string {
	if phone == nil {
		return nil
	}
	number := phoneNoise.Replace(*phone)
	if !phonePattern.MatchString(number) {
		e.Add(path, "is not a telephone number", "in international form, such as +4930123456")
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
			e.Add(path, "is the name of the account", "something others cannot guess")
			return
		}
	}
}

// fold makes the key by which names are unique.
func foldKey(name string) string { return strings.ToLower(strings.TrimSpace(name)) }
