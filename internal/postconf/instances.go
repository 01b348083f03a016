package postconf

// Instances says how a directory takes part in multi-instance Postfix.
// (postmulti(1), MULTI_INSTANCE_README)
type Instances struct {
	Name    string // multi_instance_name; empty for the primary one
	Group   string
	Enabled bool // multi_instance_enable
	// Others are multi_instance_directories, which the primary instance's
	// main.cf names.
	Others []Word
}

// Primary reports whether the directory leads other instances.
func (i Instances) Primary() bool {
	return len(i.Others) > 0
}

// Instances reads the multi_instance_* parameters.
func (c *Config) Instances() Instances {
	v := c.View(nil)
	return Instances{
		Name:    v.Value("multi_instance_name"),
		Group:   v.Value("multi_instance_group"),
		Enabled: v.Value("multi_instance_enable") == "yes",
		Others:  v.List("multi_instance_directories"),
	}
}
