// Verifies notifications with the official package: one JSON object on each line of the input, one result on each of the output.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

type notification struct {
	Secret  string            `json:"secret"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

func verify(line []byte) error {
	var received notification
	if err := json.Unmarshal(line, &received); err != nil {
		return err
	}
	webhook, err := webhooks.NewWebhook(received.Secret)
	if err != nil {
		return err
	}
	headers := http.Header{}
	for name, value := range received.Headers {
		headers.Set(name, value)
	}
	return webhook.Verify([]byte(received.Body), headers)
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if err := verify(lines.Bytes()); err != nil {
			fmt.Println("refused")
		} else {
			fmt.Println("accepted")
		}
	}
}
