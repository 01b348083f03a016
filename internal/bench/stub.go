package main
import ("context";"errors")
var errTodo = errors.New("todo")
func measureUncached(ctx context.Context, l *lab) error {return errTodo}
func measureRows(ctx context.Context, l *lab) error {return errTodo}
func measureStart(ctx context.Context, l *lab) error {return errTodo}
func measureDistance(ctx context.Context, l *lab) error {return errTodo}
func measureMails(ctx context.Context, l *lab) error {return errTodo}
