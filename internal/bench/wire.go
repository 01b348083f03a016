package main

import (
	"fmt"
	"strconv"
)

// socketmapQuestion asks map name for key by socketmap_table(5).
func socketmapQuestion(name, key, reply string) question {
	return question{ask: netstring(name + " " + key), reply: netstring(reply)}
}

// tcpQuestion asks for key by tcp_table(5). Nothing in it needs quoting.
func tcpQuestion(key, reply string) question {
	return question{ask: []byte("get " + key + "\n"), reply: []byte(reply + "\n")}
}

func netstring(s string) []byte {
	return fmt.Appendf(nil, "%s:%s,", strconv.Itoa(len(s)), s)
}

// sameReply are the questions of a server that gives the same reply to all.
func sameReply(questions []question, reply []byte) []question {
	all := make([]question, len(questions))
	for i, q := range questions {
		all[i] = question{q.ask, reply, q.serial}
	}
	return all
}
