// Command diary writes into a file whenever it is told to, and says what time it is and whether it could.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

func main() {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		wrote := "ok"
		switch err := write(os.Args[1]); {
		case errors.Is(err, syscall.ENOSPC):
			wrote = "full"
		case err != nil:
			wrote = "failed"
		}
		fmt.Println(time.Now().Unix(), wrote)
	}
}

func write(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString("dear diary"); err != nil {
		return err
	}
	return f.Sync()
}
