package supervise_test

func parentMain() int { return 1 }
