"""What a trading host must be: pure Python, no Pulumi import. `specification.host_specification` puts it together."""
