package shop

import "strings"

// Names of series are made of a beginning and an end.
var (
	seriesBeginnings = strings.Fields(`
		al bar bel bram cal cor dal dor el fal far gil gor hal har hol il jor kal kel lan lor mar mel
		nor or pel quil ras rin sal sel tal tor ul val ver wal wen yor zel`)
	seriesEnds = strings.Fields(`
		by den dale don field ford gate ham hollow is ley lin mere mont more nor o ra ric ro
		shaw stead ston tera thorpe tin ton vale vik vin wick wood worth`)
)

var firstNames = strings.Fields(`
	Ada Aisha Akira Alice Amina Ana Andre Anna Arjun Astrid Ayse Bao Ben Bianca Bruno Carla Carlos Chen Clara Dalia
	Daniel David Diego Dmitri Elena Elif Emma Eric Esi Eva Fatima Felix Finn Freya Gabriel Greta Hana Hugo Ida Imran
	Ines Ivan Jakob Jana Joao Jonas Julia Kaan Karim Kofi Lars Laura Leila Leo Lin Lucia Luis Magda Maria Mateo Maya
	Mei Mia Milan Mina Nadia Nils Nina Noah Nora Olga Omar Oskar Paula Pedro Priya Rosa Ruth Sam Sara Selin Sofia Sven
	Tariq Tess Theo Tom Uma Vera Viktor Wanjiru Yara Yusuf Zofia`)

var lastNames = strings.Fields(`
	Adeyemi Ahmed Almeida Andersen Bakker Bauer Benali Berg Bianchi Brown Campbell Castro Chen Cohen Costa Demir Dias
	Dubois Evans Fischer Garcia Gruber Haddad Hansen Hernandez Horak Hughes Ibrahim Ito Ivanov Jansen Jensen Johnson
	Kamau Kaya Keller Khan Kim Kowalska Kumar Lefevre Lindqvist Lopez Mendes Mensah Meyer Moreau Morgan Murphy Nguyen
	Nielsen Novak Okafor Olsen Ortiz Owusu Patel Petrov Popescu Rahimi Reid Rossi Santos Sato Schmidt Sharma Silva Singh
	Smit Suzuki Tanaka Taylor Torres Tran Vasquez Visser Volkov Wagner Walker Weber Wilson Wong Yamada Yilmaz Young
	Zhang Zimmermann`)

// A city has streets, and a country.
type city struct{ name, code, region, country string }

var cities = []city{
	{"Berlin", "10115", "", "DE"}, {"Hamburg", "20095", "", "DE"}, {"Lyon", "69001", "", "FR"}, {"Nantes", "44000", "", "FR"},
	{"Leeds", "LS1 4AP", "", "GB"}, {"Bristol", "BS1 5TR", "", "GB"}, {"Porto", "4000-322", "", "PT"}, {"Torino", "10121", "TO", "IT"},
	{"Sevilla", "41001", "", "ES"}, {"Utrecht", "3511", "", "NL"}, {"Aarhus", "8000", "", "DK"}, {"Bergen", "5003", "", "NO"},
	{"Portland", "97201", "OR", "US"}, {"Austin", "78701", "TX", "US"}, {"Toronto", "M5H 2N2", "ON", "CA"}, {"Melbourne", "3000", "VIC", "AU"},
}

var streets = strings.Fields(`
	Acorn Beech Bridge Canal Castle Chapel Church Elm Garden Harbour High Hill King Lake Lime Maple Market Meadow Mill
	Oak Park Queen River School Station Tower Union Victoria Water Willow`)

var (
	colours = []string{"Black", "White", "Graphite", "Chalk", "Moss", "Slate", "Indigo", "Rust", "Oat", "Sand", "Plum", "Sky"}
	towns   = strings.Fields(`Brno Cork Ghent Graz Halmstad Izmir Kaunas Leipzig Lugo Malmo Nagoya Oulu Parma Plovdiv Tartu Turin`)
)

// Why people cancel orders and send them back.
var (
	cancelReasons = []string{"", "Ordered by mistake", "Found it elsewhere", "Takes too long", "Changed my mind"}
	refundReasons = []string{"Arrived damaged", "Does not fit", "Not as described", "Arrived too late"}
	carriers      = []string{"Souk Post", "Northline", "Parcel Bird"}
)
