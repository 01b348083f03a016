// Package postsrsd reads the configuration files of PostSRSd, of both
// generations.
package postsrsd
