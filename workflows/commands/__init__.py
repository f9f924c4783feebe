"""Commands of the command line, a few to a module. What is heavy is imported inside them: `--help` stays fast."""
