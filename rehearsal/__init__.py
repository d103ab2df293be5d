"""Run any stack through the real Pulumi engine on one machine: toolchain and stand-in provider plugins."""
