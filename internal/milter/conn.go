package milter

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	gomilter "github.com/emersion/go-milter"
)

// Conn is what a session has of its connection.
type Conn struct {
	Log    *slog.Logger // names the peer, and the client once it is known
	Client string       // its IP address; "" while it is not known, and where it has none

	ctx    context.Context
	answer time.Duration
	front  *front
}

// Busy tells whether a message is under way: a stop waits for its end.
func (c *Conn) Busy(busy bool) { c.front.setBusy(busy) }

// Step runs one command within its time (Timeouts.Answer), with a log that
// names the queue id where Postfix has sent one. A panic is logged, trouble is
// called, and the command deferred.
func (c *Conn) Step(command string, m *gomilter.Modifier, trouble func(), run func(context.Context, *slog.Logger) gomilter.Response) (resp gomilter.Response, _ error) {
	log := c.Log
	if id := m.Macros["i"]; id != "" {
		log = log.With("queue_id", Clipped(id))
	}
	defer func() {
		if p := recover(); p != nil {
			log.Error("panic", "command", command, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			trouble()
			resp = gomilter.RespTempFail
		}
	}()
	ctx, cancel := context.WithTimeout(c.ctx, c.answer)
	defer cancel()
	return run(ctx, log), nil
}
