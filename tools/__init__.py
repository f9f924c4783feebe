"""What can be asked of a repository and its logs. No model, no HTTP."""
