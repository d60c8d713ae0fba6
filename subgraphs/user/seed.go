package user

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"souk/subgraphs/user/account"
)

// fullNames are the names of the sample users. Users with a password in
// demoPasswords can log in; the others only own sample orders.
var fullNames = strings.Fields(`
	Ada_Lovelace Grace_Hopper Alan_Kay Barbara_Liskov Edsger_Dijkstra Frances_Allen Donald_Knuth Radia_Perlman
	Tony_Hoare Margaret_Hamilton Dennis_Ritchie Karen_Jones Ken_Thompson Shafi_Goldwasser Leslie_Lamport Adele_Goldberg
	Robin_Milner Lynn_Conway Kathleen_Booth Katherine_Johnson Niklaus_Wirth Jean_Bartik Peter_Naur Mary_Shaw
	Amina_Diallo Bao_Nguyen Carlos_Mendes Dalia_Haddad Elif_Kaya Farid_Rahimi Greta_Lindqvist Hana_Sato
	Ivo_Petrov Jana_Novak Kofi_Mensah Lucia_Rossi Mateo_Garcia Nadia_Benali Oskar_Nielsen Priya_Sharma
	Quentin_Moreau Rosa_Silva Samir_Khan Tomas_Horak Uma_Patel Viktor_Ivanov Wanjiru_Kamau Ximena_Torres
	Yusuf_Demir Zofia_Kowalska Aroha_Tane Bram_Visser Chiara_Bianchi Dmitri_Volkov Esi_Owusu Freya_Olsen
`)

// demoPasswords are the passwords of the sample users who can log in.
var demoPasswords = map[string]string{"ada": "tutorial-ada", "grace": "tutorial-grace"}

// The sample administrator.
const adminName, adminPassword = "admin", "tutorial-admin"

// Seed fills an empty user database with the sample users. User 1 is Ada; the
// last user is an administrator.
func Seed(ctx context.Context, db *pgxpool.Pool) error {
	accounts := &account.Service{DB: db, Hasher: account.NewHasher(account.DefaultCost), Now: time.Now}
	if n, err := accounts.Count(ctx); err != nil || n > 0 {
		return err
	}
	for i, person := range fullNames {
		full := strings.ReplaceAll(person, "_", " ")
		first, last, _ := strings.Cut(strings.ToLower(person), "_")
		draft := account.Draft{Username: first, Email: first + "." + last + "@example.com", DisplayName: &full, EmailConfirmed: true}
		if password, ok := demoPasswords[first]; ok {
			draft.Password = &password
		}
		if i%3 == 0 {
			phone := fmt.Sprintf("+4930%07d", 1_234_567+i*7919)
			draft.Phone = &phone
		}
		if _, err := accounts.SignUp(ctx, draft); err != nil {
			return fmt.Errorf("creating the account of %s: %w", full, err)
		}
	}
	password := adminPassword
	return accounts.EnsureAdmin(ctx, account.Draft{Username: adminName, Email: "admin@souk.example", Password: &password})
}
