package postconf

// OtherInstances are the configuration directories that the main.cf of the
// primary instance of a multi-instance Postfix names; none elsewhere.
// (multi_instance_directories, MULTI_INSTANCE_README)
func (c *Config) OtherInstances() []Word {
	return c.View(nil).List("multi_instance_directories")
}
