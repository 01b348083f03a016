package envelope

import "strings"

// serverCause says what a Redis server's error means. The server quotes the
// arguments of a command it does not know, and those are a sender's address.
func serverCause(text string) string {
	word, _, _ := strings.Cut(text, " ")
	switch word {
	case "LOADING":
		return "the server is loading its data (LOADING)"
	case "READONLY":
		return "the server is a replica that takes no writes (READONLY)"
	case "MASTERDOWN":
		return "the server has lost its master (MASTERDOWN)"
	case "NOAUTH":
		return "the server wants a password (NOAUTH)"
	case "WRONGPASS":
		return "the server does not take this user and password (WRONGPASS)"
	case "NOPERM":
		return "the user may not do that: he needs GET and SETEX on keys PostSRSd/*, SELECT, DBSIZE and INFO (NOPERM)"
	case "OOM":
		return "the server's memory is full: maxmemory (OOM)"
	case "MISCONF":
		return "the server cannot save its data and takes no writes (MISCONF)"
	case "NOREPLICAS":
		return "the server has too few replicas and takes no writes (NOREPLICAS)"
	case "WRONGTYPE":
		return "the key holds something else than a text (WRONGTYPE)"
	case "ERR":
		before, _, _ := strings.Cut(text, ", with args")
		return bounded("the server refuses: " + before)
	}
	return bounded("the server refuses: " + word)
}
