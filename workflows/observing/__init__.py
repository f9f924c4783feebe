"""Sources that are asked during a triage, over HTTP and over the Model Context Protocol: read only, all bounded."""
