package batch_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"souk/subgraphs/internal/batch"
)

func TestLoaderBatchesKeysRequestedDuringARead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reads [][]int
		loader := batch.New(func(_ context.Context, keys []int) (map[int]int, error) {
			time.Sleep(time.Second)
			slices.Sort(keys)
			reads = append(reads, keys) // reads do not overlap
			squares := map[int]int{}
			for _, key := range keys {
				squares[key] = key * key
			}
			return squares, nil
		})
		load := func(keys ...int) {
			values, err := loader.Load(t.Context(), keys)
			if err != nil {
				t.Error(err)
			}
			for i, key := range keys {
				if values[i] != key*key {
					t.Errorf("value of %d = %d, want its square", key, values[i])
				}
			}
		}
		var calls sync.WaitGroup
		calls.Go(func() { load(1) })
		synctest.Wait()
		for i := range 100 {
			calls.Go(func() { load(1, i%5, i%7) })
		}
		calls.Wait()
		load(6, 5, 6)
		if len(reads) != 2 || !slices.Equal(reads[1], []int{0, 2, 3, 4, 5, 6}) {
			t.Errorf("got reads %v, want [1] and then the other six", reads)
		}
	})
}

func TestLoaderFailsWithoutAnotherRead(t *testing.T) {
	reads, failure := 0, errors.New("no database")
	loader := batch.New(func(context.Context, []int) (map[int]int, error) {
		reads++
		return nil, failure
	})
	for _, key := range []int{1, 1, 2} {
		if _, err := loader.Load(t.Context(), []int{key}); !errors.Is(err, failure) {
			t.Errorf("key %d: got error %v", key, err)
		}
	}
	if reads != 1 {
		t.Errorf("got %d reads, want 1", reads)
	}
}

func TestLoaderStopsWaitingWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		loader := batch.New(func(context.Context, []int) (map[int]int, error) {
			<-release
			return nil, nil
		})
		var first sync.WaitGroup
		first.Go(func() { _, _ = loader.Load(t.Context(), []int{1}) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := loader.Load(ctx, []int{2}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got error %v", err)
		}
		close(release)
		first.Wait()
	})
}
