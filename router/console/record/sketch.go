package record

const (
	sketchRows  = 4
	sketchWidth = 8192 // a power of two; 64 KB in all
	// sketchSample is the number of additions after which all counts are halved.
	sketchSample = 2 * sketchWidth
)

// A sketch estimates how often keys occurred recently, in a fixed amount of memory: it is a
// count-min sketch with conservative update, aged as in TinyLFU (Einziger, Friedman and Manes,
// 2017). An estimate is too high if keys share counts in all rows, and never too low but for
// the ageing.
type sketch struct {
	counts [sketchRows][sketchWidth]uint16
	added  int
}

// add counts a key, given by its hash, and returns the estimate.
func (s *sketch) add(hash uint64) uint64 {
	if s.added++; s.added == sketchSample {
		s.halve()
	}
	var at [sketchRows]*uint16
	least := uint16(1<<16 - 1)
	for i := range at {
		at[i] = &s.counts[i][(uint32(hash)+uint32(i)*uint32(hash>>32|1))%sketchWidth]
		least = min(least, *at[i])
	}
	least++ // at most 2 * sketchSample
	for _, c := range at {
		*c = max(*c, least)
	}
	return uint64(least)
}

func (s *sketch) halve() {
	s.added /= 2
	for i := range s.counts {
		for j := range s.counts[i] {
			s.counts[i][j] /= 2
		}
	}
}
