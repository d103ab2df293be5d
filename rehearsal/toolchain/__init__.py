"""Which pulumi and which provider plugins are used, built or chosen once; and the environment to run them in."""
