// Command overload finds how many orders a second the store can take on this
// machine, offers it more, and checks that it goes on taking them.
//
// It builds souk, runs `souk dev` as a process with temporary data, and sends
// the mutation placeOrder on loopback. Clients give up after 2 seconds and
// disconnect. First a fixed number of clients, each of which orders again at
// once, finds the capacity. Then orders arrive at random times, however the
// store fares, at a multiple of it:
//
//   - at 0.8 times the capacity, for the reference
//   - at 2, 5 and 10 times; the store must place at least 80 % of the orders of
//     its capacity, and the 99th percentile of the time that those take which it
//     does not refuse at once must stay below twice the reference
//   - at 0.8 times again: from 2 seconds after the overload on, the store must
//     place at least 95 % of the share of orders that it placed for the reference,
//     as fast as it must under overload
//
// The capacity and the reference are measured again before each overload,
// because other programs may use the machine at the same time. If they and the
// clients leave less than 5 % of the processors idle, there is an allowance: the
// orders to place and the 99th percentile are in proportion to the processor time
// that the store got; if that is less than the moderate load needs, the recovery
// is not judged. The last line says if goals are met only with the allowance, and
// has the shares without it. The command prints a table, fails if a goal is
// missed, and ends by itself within 3 minutes. It needs Linux for processor times.
//
// With -beside, it compares another souk program with this one instead, which
// must know the flags of souk dev that this one is started with. Both stores
// run, and the clients order from each in turn. What an order takes of the
// processors, including those of Postgres, hardly depends on what else the
// machine does.
//
// main.go is the hub. store.go runs a store. client.go sends an order, load.go
// sends many, and tally.go counts them. phases.go has the sequence and the
// goals, beside.go compares two programs, and table.go prints.
package main
