// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"sync"
)

func main() {
	var wg sync.WaitGroup
	sum := make(chan int, 10)
	for i := 1; i <= 10; i++ {
		wg.Add(1)
		go func(n int) { defer wg.Done(); sum <- n }(i)
	}
	wg.Wait()
	close(sum)
	total := 0
	for n := range sum {
		total += n
	}
	fmt.Println("Hello from Go, ten goroutines add up to", total)
}
