// Package supervise is a parent process that keeps privileges, files and
// listeners, and starts a worker process for each load of the configuration.
package supervise
