// Package srs is the Sender Rewriting Scheme as PostSRSd does it.
package srs
