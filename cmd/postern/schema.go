package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"postern"
)

func newSchema() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the SQL of the tables",
		Long: "Print the SQL of the tables, in an order that loads as it stands.\n" +
			"The daemons never change a schema: this command only prints.",
		Example: "  postern schema | mariadb maildb\n  postern schema --driver sqlite | sqlite3 postern.db",
		Args:    cobra.NoArgs,
	}
	driver := cmd.Flags().String("driver", "mysql", "`dialect`: mysql (MariaDB 10.10 and newer) or sqlite")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		sql, err := postern.Schema(*driver)
		if err != nil {
			return usage("%w", err)
		}
		_, err = fmt.Fprint(cmd.OutOrStdout(), sql)
		return err
	}
	return cmd
}
