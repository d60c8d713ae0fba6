package shop

import (
	"fmt"
	"strings"
	"time"
)

// User is a person with an account.
type User struct {
	ID                           int64
	Username, Email, DisplayName string
	Phone                        *string // E.164
	CreatedAt                    time.Time
}

// User makes up the i-th user, from 0.
func (s *Shop) User(i int) User {
	random := s.random(userStream, i)
	u := User{ID: s.LastUser + 1 + int64(i)}
	first, last := pick(random, firstNames), pick(random, lastNames)
	u.DisplayName = first + " " + last
	// The number makes both unique, and they differ from those that people choose
	// in the sample store.
	u.Username = fmt.Sprintf("%s.%s.%d", strings.ToLower(first), strings.ToLower(last), u.ID)
	u.Email = u.Username + "@" + pick(random, []string{"example.com", "example.net", "example.org"})
	if random.IntN(3) == 0 {
		phone := fmt.Sprintf("+49301%08d", u.ID%100_000_000)
		u.Phone = &phone
	}
	u.CreatedAt = s.joined(i, s.Users, random)
	return u
}

// Address is a postal address.
type Address struct{ Name, Line1, City, PostalCode, Region, Country string }

// address makes up the i-th user's address. It is the same for all orders.
func (s *Shop) address(i int) Address {
	user := s.User(i)
	random := s.random(userStream, i)
	c := cities[random.IntN(len(cities))]
	return Address{
		Name: user.DisplayName, Line1: fmt.Sprintf("%s Street %d", pick(random, streets), 1+random.IntN(150)),
		City: c.name, PostalCode: c.code, Region: c.region, Country: c.country,
	}
}
