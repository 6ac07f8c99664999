// Receives webhook events, verifies them and prints them; needs Go 1.18 or newer and nothing else.
//
//	WEBHOOK_SECRET=whsec_… PORT=3000 go run receiver.go
//
// The secret is that of GET /user/webhook-secret. The signature is that of Standard Webhooks: an HMAC-SHA256 over
// "<webhook-id>.<webhook-timestamp>.<body>". Answer 2xx only once the event is safely stored: any other response is retried.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// An older event may be a recording that somebody sends again.
const tolerance = 300 * time.Second

func isSigned(header http.Header, body []byte, key []byte) bool {
	id, sent := header.Get("webhook-id"), header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(sent, 10, 64)
	if age := time.Since(time.Unix(seconds, 0)); err != nil || age > tolerance || age < -tolerance {
		return false
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", id, sent, body)
	expected := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for _, entry := range strings.Fields(header.Get("webhook-signature")) {
		if hmac.Equal([]byte(expected), []byte(entry)) {
			return true
		}
	}
	return false
}

func main() {
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(os.Getenv("WEBHOOK_SECRET"), "whsec_"))
	// The same event may arrive twice, always with the same id. A real receiver keeps these in its database.
	var seen sync.Map
	handler := func(response http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil || !isSigned(request.Header, body, key) {
			response.WriteHeader(http.StatusUnauthorized)
			return
		}
		if _, again := seen.LoadOrStore(request.Header.Get("webhook-id"), true); !again {
			fmt.Println(string(body))
		}
		response.WriteHeader(http.StatusNoContent)
	}
	port := os.Getenv("PORT")
	if port == "" {
		port = "3000"
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(os.Stderr, "listening on port %d\n", listener.Addr().(*net.TCPAddr).Port)
	panic(http.Serve(listener, http.HandlerFunc(handler)))
}
