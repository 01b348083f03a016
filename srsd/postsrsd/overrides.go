package postsrsd

// Overrides are what the command line of PostSRSd 2.x may say beside -C. What
// is not nil wins over the file, even if it is empty.
type Overrides struct {
	ChrootDir        *string // -c
	PIDFile          *string // -p
	UnprivilegedUser *string // -u
	Daemonize        bool    // -D; there is no way to say no
}

// Override lets the command line win, as PostSRSd does after it has read the
// file, at the start and at each reload.
func (c *Conf) Override(o Overrides) {
	c.override("chroot-dir", "-c", &c.ChrootDir, o.ChrootDir)
	c.override("pid-file", "-p", &c.PIDFile, o.PIDFile)
	c.override("unprivileged-user", "-u", &c.UnprivilegedUser, o.UnprivilegedUser)
	c.Daemonize = c.Daemonize || o.Daemonize
}

func (c *Conf) override(option, flag string, field, value *string) {
	if value == nil {
		return
	}
	*field = *value
	c.given[option] = place{file: "command line: " + flag}
}
