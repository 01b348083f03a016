package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/admin"
	"postern/internal/password"
	"postern/internal/store"
)

func newUser() *cobra.Command {
	return newTableCommand(rowKindOf(store.Users),
		"Administer the logins of submission. Passwords are read from the terminal, or from standard input with\n--password-stdin, never from arguments; their hashes are never printed.",
		newUserAdd(), newUserPassword(), newUserRemove())
}

// passwordFlags are how a password is read and hashed.
type passwordFlags struct {
	scheme string
	stdin  bool
}

func (f *passwordFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.scheme, "scheme", password.Default, "`scheme` by which it is hashed: "+strings.Join(password.Schemes(), ", "))
	cmd.Flags().BoolVar(&f.stdin, "password-stdin", false, "read the password from standard input, one line")
}

// hash reads a password for a login and returns its hash.
func (f *passwordFlags) hash(cmd *cobra.Command, login string) (string, error) {
	scheme, err := password.Scheme(f.scheme)
	if err != nil {
		return "", usage("user: %w", err)
	}
	secret, err := readPassword(cmd, f.stdin, login)
	if err != nil {
		return "", err
	}
	if err := password.Check(login, secret); err != nil {
		return "", usage("user: %w", err)
	}
	hash, err := password.Hash(scheme, secret)
	if err != nil {
		return "", usage("user: %w", err)
	}
	return hash, nil
}

func newUserAdd() *cobra.Command {
	var f passwordFlags
	cmd := &cobra.Command{
		Use:   "add [--config FILE] [--scheme SCHEME] [--password-stdin] [--json] NAME",
		Short: "Add a login of submission",
		Long: "Add a login of submission. The password is asked for twice, without echo. It may send as nobody until\n" +
			"'postern sender add' says so." + exitsOfChanges,
		Example: "  postern user add alice\n  pwgen -s 20 1 | postern user add --password-stdin alice",
		Args:    cobra.ExactArgs(1),
	}
	changeCommand(cmd, func(ctx context.Context, d *tableDesk, args []string) (admin.Done, error) {
		if err := admin.CheckUser(args[0]); err != nil {
			return admin.Done{}, err
		}
		return f.typed(ctx, cmd, args[0], d.desk.CheckVacant, d.desk.AddUser)
	})
	f.add(cmd)
	return cmd
}

// typed asks for a password once the login was looked at, and stores its hash.
// The time for that begins when the user is done.
func (f *passwordFlags) typed(ctx context.Context, cmd *cobra.Command, login string, look func(context.Context, string) error,
	store func(ctx context.Context, login, hash string) (admin.Done, error)) (admin.Done, error) {
	if err := look(ctx, login); err != nil {
		return admin.Done{}, err
	}
	hash, err := f.hash(cmd, login)
	if err != nil {
		return admin.Done{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), changeTimeout)
	defer cancel()
	return store(ctx, login, hash)
}

func newUserPassword() *cobra.Command {
	var f passwordFlags
	cmd := &cobra.Command{
		Use:     "password [--config FILE] [--scheme SCHEME] [--password-stdin] [--json] NAME",
		Short:   "Change a password",
		Long:    "Change the password of a user. It is asked for twice, without echo." + exitsOfChanges,
		Example: "  postern user password alice\n  postern user password --scheme SHA512-CRYPT --password-stdin alice < file",
		Args:    cobra.ExactArgs(1),
	}
	changeCommand(cmd, func(ctx context.Context, d *tableDesk, args []string) (admin.Done, error) {
		return f.typed(ctx, cmd, args[0], d.desk.CheckPresent, d.desk.SetPassword)
	})
	f.add(cmd)
	return cmd
}

func newUserRemove() *cobra.Command {
	var w admin.Ways
	cmd := changeCommand(&cobra.Command{
		Use:     "remove [--config FILE] [--cascade] [--json] NAME",
		Short:   "Remove a login",
		Long:    "Remove a login. While it may send as somebody nothing is removed; --cascade removes that as well." + exitsOfChanges,
		Example: "  postern user remove --cascade alice",
		Args:    cobra.ExactArgs(1),
	}, func(ctx context.Context, d *tableDesk, args []string) (admin.Done, error) {
		return d.desk.RemoveUser(ctx, args[0], w)
	})
	cmd.Flags().BoolVar(&w.Cascade, "cascade", false, "remove what it may send as with it")
	return cmd
}
