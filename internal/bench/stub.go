package main
import ("context";"errors")
var errTodo = errors.New("todo")
func measureDistance(ctx context.Context, l *lab) error {return errTodo}
func measureMails(ctx context.Context, l *lab) error {return errTodo}
